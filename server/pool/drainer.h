// Drains one reactor, whose connections move or finish, or the whole gateway, step by step through
// GatewayState; and takes both back. Each step checks for a cancellation, which leads back to
// service. Control thread.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "reactor/command.h"
#include "server/pool/mover.h"
#include "server/pool/pool_context.h"

namespace echogw::server {

struct UndrainRequest {
  std::optional<std::uint32_t> reactor;  // unset: the gateway
};

class Drainer {
 public:
  Drainer(PoolContext& pool, Mover& mover) : pool_(pool), mover_(mover) {}

  [[nodiscard]] Outcome Handle(const DrainRequest& request);
  [[nodiscard]] Outcome Handle(const UndrainRequest& request);

 private:
  [[nodiscard]] Outcome DrainReactor(std::uint32_t reactor, const DrainRequest& request);
  [[nodiscard]] bool AwaitFinished(std::uint32_t reactor, SteadyTime deadline);

  [[nodiscard]] Outcome DrainGateway(const DrainRequest& request);
  void Enter(Phase phase, GatewayState state);
  // True when no connection came for the quiet period, false when time ran out first. Leaves time
  // for the spread of the closing.
  [[nodiscard]] bool AwaitQuiet(const DrainRequest& request, SteadyTime begun);
  [[nodiscard]] absl::Status Refuse(RefuseMode mode);
  void Admit(const SetAdmission& admission);
  // Reactors close their connections and report when none is left, at the deadline at the latest.
  [[nodiscard]] Outcome CloseAll(const DrainRequest& request, SteadyTime begun);
  void BackToService();
  // The outcome of a cancelled drain of the gateway.
  [[nodiscard]] Outcome Undrained();

  PoolContext& pool_;
  Mover& mover_;
};

}  // namespace echogw::server
