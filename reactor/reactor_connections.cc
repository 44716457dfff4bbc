// What others may ask of single connections: to read them in slices, to look at one closely, and to
// close some.

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <utility>

#include "reactor/connection/connection_record.h"
#include "reactor/reactor.h"
#include "reactor/reactor_internal.h"

namespace echogw {
namespace {

// Older kernels fill in less; what they do not know stays 0.
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
  if (::ioctl(fd, SIOCOUTQ, &bytes) == 0) {
    out.output_queue_bytes = static_cast<std::uint64_t>(bytes);
  }
  if (::ioctl(fd, SIOCINQ, &bytes) == 0) out.input_queue_bytes = static_cast<std::uint64_t>(bytes);
  return out;
}

}  // namespace

ConnectionRecord Reactor::RecordOf(const Connection& c, std::uint32_t index) {
  const auto now_ms = static_cast<std::uint32_t>(now_ / kNanosPerMilli);
  const auto now_cs = static_cast<std::uint32_t>(now_ / kNanosPerCenti);
  const ColdState* extra = table_.ColdOf(index);
  const Session* session = extra == nullptr ? nullptr : extra->session.get();
  const bool proxied = session != nullptr && session->client().family != 0;
  const TlsStream* tls = session == nullptr ? nullptr : session->tls();
  const Endpoint peer = PeerOf(c.fd);
  return {.ref = {.id = c.id, .slot = options_.id, .index = index},
          .peer = proxied ? session->client() : peer,
          .proxied_by = proxied ? peer : Endpoint{},
          .local = LocalOf(c.fd),
          .local_path = peer.family == AF_UNIX ? LocalNameOf(c.fd) : std::string(),
          .mode = session == nullptr ? ServiceMode::kEcho : session->service().mode,
          .tls_version = tls == nullptr ? "" : tls->version(),
          .tls_cipher = tls == nullptr ? "" : tls->cipher(),
          .age = Nanos{Elapsed(now_cs, c.opened_at_cs)} * kNanosPerCenti,
          .idle = Nanos{Elapsed(now_ms, c.active_at_ms)} * kNanosPerMilli,
          .received_bytes = c.received_bytes,
          .sent_bytes = c.sent_bytes,
          .pending_bytes = c.pending_bytes(),
          .closing = c.closing};
}

// Looks at no more slots than the limit, whether they are taken or not: that bounds the turn.
void Reactor::Do(ReadConnections& command) {
  ConnectionSlice slice{.id = command.id};
  std::uint32_t index = command.from_index;
  for (std::uint32_t looked = 0; looked < command.slots_max && index < table_.capacity();
       ++looked, ++index) {
    if (const Connection* c = table_.InSlot(index); c != nullptr) {
      slice.records.push_back(RecordOf(*c, index));
    }
  }
  if (index < table_.capacity()) slice.next_index = index;
  command.reply->Push(std::move(slice));
}

Connection* Reactor::FindRef(const ConnectionRef& ref) {
  if (ref.index >= table_.capacity()) return nullptr;
  Connection* c = table_.InSlot(ref.index);
  return c != nullptr && c->id == ref.id ? c : nullptr;
}

void Reactor::Do(InspectConnection& command) {
  ConnectionSlice slice{.id = command.id};
  if (const Connection* c = FindRef(command.ref); c != nullptr) {
    slice.records.push_back(RecordOf(*c, command.ref.index));
    slice.tcp = ReadTcpInfo(c->fd);
  }
  command.reply->Push(std::move(slice));
}

void Reactor::Do(CloseSome& command) {
  ConnectionSlice slice{.id = command.id};
  for (const ConnectionRef& ref : command.refs) {
    Connection* c = FindRef(ref);
    if (c == nullptr) continue;
    slice.records.push_back({.ref = ref});
    const Token token{ref.index, c->generation};
    if (command.reset) {
      CloseConnection(*c, token, CloseReason::kAdminReset);
    } else if (!c->closing) {
      c->admin_closed = true;
      BeginCloseOf(*c, token);
    }
  }
  command.reply->Push(std::move(slice));
}

void Reactor::Tell(const Connection& c, std::uint32_t index, bool opened, CloseReason reason) {
  deps_.events.Push({.record = RecordOf(c, index),
                     .opened = opened,
                     .reason = reason,
                     .time = std::chrono::system_clock::now()});
}

}  // namespace echogw
