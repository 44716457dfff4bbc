// What a process sends to its successor, whatever carries it. Control thread.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "reactor/base/log_sink.h"
#include "server/config/config_loader.h"
#include "server/handover/channel.h"
#include "server/handover/process_start.h"
#include "server/log/event_log.h"
#include "server/log/log_control.h"
#include "server/pool/handover.h"

namespace echogw::server {

// A socket or lock of the control plane. The descriptor stays with its owner.
struct ControlSocket {
  handover::Socket::Kind kind = handover::Socket::KIND_UNSPECIFIED;
  int fd = -1;
  std::string name;
};

// What the gateway gives to its successor beside the pool's.
struct HandoverSource {
  ProcessStart start;
  const LoadedConfig& loaded;
  EventLog& events;
  LogControl& log_control;
  LogSink& log;
  // Called on the pool's control thread.
  std::function<std::vector<ControlSocket>()> control_sockets;
  // The process that serves from now on: the service manager must know.
  std::function<void(pid_t)> told_to_serve;
  std::function<void(std::unique_ptr<Successor>, std::chrono::nanoseconds linger)> handed_over;
};

// "process 4711 (0.2.0)".
[[nodiscard]] std::string ProcessName(std::uint32_t pid, const std::string& version);

// While connections are in transit nobody serves them: a successor that takes longer than this for
// one step is given up.
[[nodiscard]] Channel::Deadline StepDeadline();

class Sender {
 public:
  // `source` outlives it.
  Sender(const HandoverSource& source, Channel channel)
      : source_(source), channel_(std::move(channel)) {}

  [[nodiscard]] const Channel& channel() const { return channel_; }

  absl::Status SendOffer(const PoolSockets& sockets, Channel::Deadline deadline) const;
  absl::Status SendConnections(const SlotConnections& connections) const;
  absl::Status SendState(const PoolState& state) const;
  absl::Status SendCommit() const;

  // The descriptors of an offer.
  [[nodiscard]] std::vector<int> Descriptors(const PoolSockets& sockets) const;

 private:
  [[nodiscard]] handover::Frame OfferFrame(const PoolSockets& sockets, std::size_t count) const;
  void AddGatewayState(handover::State& to) const;

  const HandoverSource& source_;
  const Channel channel_;
};

}  // namespace echogw::server
