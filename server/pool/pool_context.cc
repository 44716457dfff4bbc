#include "server/pool/pool_context.h"

#include "absl/strings/str_cat.h"

namespace echogw::server {

PoolContext::PoolContext(const PoolOptions& pool_options, LogSink& sink)
    : options(pool_options),
      log(sink),
      listeners(options),
      reactors(options, base, log),
      steering(options.steering, listeners, reactors, log) {}

void PoolContext::Begin(Phase phase) {
  if (operation == 0) return;
  operations.BeginPhase(operation, kPhaseNames[static_cast<std::size_t>(phase)]);
}

bool PoolContext::Pause(SteadyTime until) {
  while (!cancelled.load()) {
    const SteadyTime now = std::chrono::steady_clock::now();
    if (now >= until) return false;
    (void)reactors.reports().WaitFor(until - now);
  }
  return true;
}

void PoolContext::SetState(GatewayState next) {
  if (state.exchange(next) == next) return;
  log.Write(LogLevel::kInfo, absl::StrCat("gateway is ", Name(next)));
  if (state_observer) state_observer(next);
}

absl::Status PoolContext::CheckServesHere() const {
  if (!handed_over.load()) return absl::OkStatus();
  return absl::UnavailableError("another process serves by now; try again");
}

}  // namespace echogw::server
