#include "server/handover/sender.h"

#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/base/build_info.h"
#include "server/handover/messages.h"
#include "server/handover/protocol.h"

namespace echogw::server {
namespace {

constexpr std::chrono::seconds kStepTimeout{5};

std::vector<std::pair<handover::Socket, int>> AllSockets(
    const PoolSockets& sockets, const std::vector<ControlSocket>& control) {
  std::vector<std::pair<handover::Socket, int>> out;
  for (const SlotSocket& socket : sockets.sockets) {
    handover::Socket& to = out.emplace_back(handover::Socket(), socket.fd.get()).first;
    to.set_kind(socket.datagrams ? handover::Socket::KIND_UDP : handover::Socket::KIND_LISTENER);
    to.set_slot(socket.slot);
    to.set_address_index(socket.address_index);
    to.set_inherited(socket.inherited);
  }
  for (const ControlSocket& socket : control) {
    handover::Socket& to = out.emplace_back(handover::Socket(), socket.fd).first;
    to.set_kind(socket.kind);
    to.set_name(socket.name);
  }
  return out;
}

}  // namespace

std::string ProcessName(std::uint32_t pid, const std::string& version) {
  return absl::StrCat("process ", pid, " (", version, ")");
}

Channel::Deadline StepDeadline() { return std::chrono::steady_clock::now() + kStepTimeout; }

handover::Frame Sender::OfferFrame(const PoolSockets& sockets, std::size_t count) const {
  handover::Frame frame;
  handover::Offer& offer = *frame.mutable_offer();
  offer.set_protocol(kHandoverProtocol);
  offer.set_pid(static_cast<std::uint32_t>(::getpid()));
  offer.set_version(GetBuildInfo().version);
  offer.set_slots(sockets.slots);
  offer.set_reactors(sockets.reactors);
  offer.set_reactors_configured(source_.loaded.config.reactors);
  offer.mutable_listen()->Assign(sockets.listen.begin(), sockets.listen.end());
  offer.mutable_listen_udp()->Assign(sockets.listen_udp.begin(), sockets.listen_udp.end());
  offer.set_sockets(static_cast<std::uint32_t>(count));
  return frame;
}

absl::Status Sender::SendOffer(const PoolSockets& sockets, Channel::Deadline deadline) const {
  const auto all = AllSockets(sockets, source_.control_sockets());
  absl::Status s = channel_.Send(OfferFrame(sockets, all.size()), {}, deadline);
  for (std::size_t from = 0; s.ok() && from < all.size(); from += Channel::kFdsMax) {
    handover::Frame frame;
    std::vector<int> fds;
    for (std::size_t i = from; i < std::min(from + Channel::kFdsMax, all.size()); ++i) {
      *frame.mutable_sockets()->add_sockets() = all[i].first;
      fds.push_back(all[i].second);
    }
    s = channel_.Send(frame, fds, deadline);
  }
  return s;
}

std::vector<int> Sender::Descriptors(const PoolSockets& sockets) const {
  std::vector<int> out;
  for (const auto& [about, fd] : AllSockets(sockets, source_.control_sockets())) out.push_back(fd);
  return out;
}

absl::Status Sender::SendConnections(const SlotConnections& connections) const {
  const auto& all = connections.connections;
  for (std::size_t from = 0; from < all.size(); from += kConnectionsPerFrame) {
    handover::Frame frame;
    frame.mutable_connections()->set_slot(connections.slot);
    std::vector<int> fds;
    for (std::size_t i = from; i < std::min(from + kConnectionsPerFrame, all.size()); ++i) {
      ToProto(all[i], *frame.mutable_connections()->add_connections());
      fds.push_back(all[i].peek().fd);
    }
    if (absl::Status s = channel_.Send(frame, fds, StepDeadline()); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status Sender::SendState(const PoolState& state) const {
  handover::Frame frame;
  ToProto(state, *frame.mutable_state());
  AddGatewayState(*frame.mutable_state());
  return channel_.Send(frame, {}, StepDeadline());
}

absl::Status Sender::SendCommit() const {
  handover::Frame frame;
  frame.mutable_commit();
  return channel_.Send(frame, {}, StepDeadline());
}

void Sender::AddGatewayState(handover::State& to) const {
  const Config& config = source_.loaded.config;
  ToProto(config.reactor.limits, *to.mutable_limits_configured());
  const LogLevels levels = source_.log_control.levels();
  to.set_log_level_console(levels.console);
  to.set_log_level_file(levels.file);
  const auto name = [](LogThreshold level) {
    return kLogThresholdNames[static_cast<std::size_t>(level)];
  };
  to.set_log_level_console_configured(name(config.log.console));
  to.set_log_level_file_configured(name(config.log.file_level));
  for (const Event& event : source_.events.After(0, EventLog::kKept).events) {
    ToProto(event, *to.add_events());
  }
  to.set_last_event(source_.events.last_id());
}

}  // namespace echogw::server
