#include "reactor/connection_lister.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <utility>

#include "reactor/net/socket.h"

namespace echogw {
namespace {

// Fields that an older kernel does not fill in stay 0.
TcpInfo ReadTcpInfo(int fd) {
  tcp_info info{};
  socklen_t length = sizeof(info);
  (void)::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length);
  TcpInfo out{.state = info.tcpi_state,
              .rtt_us = info.tcpi_rtt,
              .rtt_variance_us = info.tcpi_rttvar,
              .rtt_min_us = info.tcpi_min_rtt,
              .retransmits_total = info.tcpi_total_retrans,
              .congestion_window = info.tcpi_snd_cwnd,
              .slow_start_threshold = info.tcpi_snd_ssthresh,
              .segment_bytes = info.tcpi_snd_mss,
              .unacked_segments = info.tcpi_unacked,
              .lost_segments = info.tcpi_lost,
              .unsent_bytes = info.tcpi_notsent_bytes,
              .delivery_rate = info.tcpi_delivery_rate,
              .bytes_acked = info.tcpi_bytes_acked,
              .bytes_received = info.tcpi_bytes_received};
  int bytes = 0;
  out.output_queue_bytes = OutputQueueOf(fd);
  if (::ioctl(fd, SIOCINQ, &bytes) == 0) out.input_queue_bytes = static_cast<std::uint64_t>(bytes);
  return out;
}

}  // namespace

ConnectionRecord ConnectionLister::RecordOf(const Connection& c, std::uint32_t index) {
  const ColdState* cold = context_.table.ColdOf(index);
  const Session* session = cold == nullptr ? nullptr : cold->session.get();
  const bool proxied = session != nullptr && session->client().family != 0;
  const TlsStream* tls = session == nullptr ? nullptr : session->tls();
  const Endpoint peer = PeerOf(c.fd);
  return {.ref = {.id = c.id, .slot = context_.options.id, .index = index},
          .peer = proxied ? session->client() : peer,
          .proxied_by = proxied ? peer : Endpoint{},
          .local = LocalOf(c.fd),
          .local_path = peer.family == AF_UNIX ? LocalNameOf(c.fd) : std::string(),
          .mode = session == nullptr ? Service{}.mode : &session->mode(),
          .tls_version = tls == nullptr ? "" : tls->version(),
          .tls_cipher = tls == nullptr ? "" : tls->cipher(),
          .age = context_.AgeOf(c),
          .idle = context_.IdleTimeOf(c),
          .received_bytes = c.received_bytes,
          .sent_bytes = c.sent_bytes,
          .pending_bytes = c.pending_bytes(),
          .closing = c.closing};
}

Connection* ConnectionLister::Find(const ConnectionRef& ref) {
  if (ref.index >= context_.table.capacity()) return nullptr;
  Connection* c = context_.table.InSlot(ref.index);
  return c != nullptr && c->id == ref.id ? c : nullptr;
}

// Free slots count towards the limit, which bounds the turn.
void ConnectionLister::Handle(const ReadConnections& command) {
  ConnectionSlice slice{.id = command.id};
  const std::uint32_t capacity = context_.table.capacity();
  std::uint32_t index = command.from_index;
  for (std::uint32_t n = 0; n < command.slots_max && index < capacity; ++n, ++index) {
    if (const Connection* c = context_.table.InSlot(index); c != nullptr) {
      slice.records.push_back(RecordOf(*c, index));
    }
  }
  if (index < capacity) slice.next_index = index;
  command.reply->Push(std::move(slice));
}

void ConnectionLister::Handle(const InspectConnection& command) {
  ConnectionSlice slice{.id = command.id};
  if (const Connection* c = Find(command.ref); c != nullptr) {
    slice.records.push_back(RecordOf(*c, command.ref.index));
    slice.tcp = ReadTcpInfo(c->fd);
  }
  command.reply->Push(std::move(slice));
}

void ConnectionLister::TellOpened(const Connection& c, std::uint32_t index) {
  const ColdState* cold = context_.table.ColdOf(index);
  Session* session = cold == nullptr ? nullptr : cold->session.get();
  if (session != nullptr && std::exchange(session->told, true)) return;
  Tell(c, index, true, CloseReason::kPeerClosed);
}

void ConnectionLister::TellClosed(const Connection& c, std::uint32_t index, CloseReason reason) {
  const ColdState* cold = context_.table.ColdOf(index);
  if (cold != nullptr && cold->session != nullptr) TellOpened(c, index);
  Tell(c, index, false, reason);
}

void ConnectionLister::Tell(const Connection& c, std::uint32_t index, bool opened,
                            CloseReason reason) {
  if (!context_.deps.events.watched()) [[likely]]
    return;
  context_.deps.events.Push({.record = RecordOf(c, index),
                             .opened = opened,
                             .reason = reason,
                             .time = std::chrono::system_clock::now()});
}

}  // namespace echogw
