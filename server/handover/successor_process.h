// The old process's side of a handover: starts the new process and speaks with it.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <utility>

#include "server/handover/sender.h"
#include "server/pool/handover.h"

namespace echogw::server {

class SuccessorProcesses final : public SuccessorLauncher {
 public:
  explicit SuccessorProcesses(HandoverSource source) : source_(std::move(source)) {}

  absl::StatusOr<std::unique_ptr<Successor>> Launch(const UpgradeRequest& request,
                                                    PoolSockets sockets,
                                                    std::chrono::steady_clock::time_point deadline,
                                                    const std::atomic<bool>& cancelled) override;
  void OnHandedOver(std::unique_ptr<Successor> successor,
                    std::chrono::nanoseconds linger) override {
    source_.handed_over(std::move(successor), linger);
  }

 private:
  const HandoverSource source_;
};

}  // namespace echogw::server
