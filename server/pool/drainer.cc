#include "server/pool/drainer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace echogw::server {
namespace {

using std::chrono::steady_clock;

// Counters are sampled this often.
constexpr std::chrono::milliseconds kSampleInterval{10};
constexpr std::chrono::milliseconds kProgressInterval{100};

}  // namespace

Outcome Drainer::Handle(const DrainRequest& request) {
  return request.reactor ? DrainReactor(*request.reactor, request) : DrainGateway(request);
}

Outcome Drainer::Handle(const UndrainRequest& request) {
  if (pool_.ending.load()) return {};
  if (!request.reactor) {
    if (pool_.state.load() != GatewayState::kServing) BackToService();
    return {};
  }
  const ReactorState state = pool_.reactors.state(*request.reactor);
  if (state == ReactorState::kDrained || state == ReactorState::kDraining) {
    mover_.TakeBack({*request.reactor});
  }
  return {};
}

// ---- one reactor ----

Outcome Drainer::DrainReactor(std::uint32_t reactor, const DrainRequest& request) {
  const SteadyTime deadline = steady_clock::now() + request.deadline;
  if (pool_.reactors.state(reactor) == ReactorState::kDrained) {
    return {OperationResult::kSucceeded, "reactor ", reactor, " is already drained"};
  }
  Slots others = pool_.reactors.Serving();
  std::erase(others, reactor);
  if (!pool_.steering.AnyWeight(others)) {
    return {OperationResult::kFailed, "no reactor except ", reactor,
            " would accept new connections"};
  }
  pool_.Begin(Phase::kSteer);
  pool_.retiring.erase(reactor);  // from here on the operator decides about it
  pool_.reactors.SetState(reactor, ReactorState::kDraining);
  pool_.steering.ApplyAndAwait();
  pool_.Begin(Phase::kParkListeners);
  if (!mover_.HandOver(reactor, others)) {
    mover_.TakeBack({reactor});
    return {OperationResult::kFailed, "reactor ", reactor, " did not respond; nothing was changed"};
  }
  bool empty = false;
  if (request.let_finish) {
    pool_.Begin(Phase::kFinish);
    empty = AwaitFinished(reactor, deadline);
  } else {
    pool_.Begin(Phase::kMoveConnections);
    empty = mover_.MoveAll({reactor}, others, deadline);
  }
  if (pool_.ending.load() && !empty) return {OperationResult::kCancelled, kStoppedFirst};
  if (pool_.cancelled.load() && !pool_.ending.load()) {
    mover_.TakeBack({reactor});
    return {OperationResult::kCancelled, "reactor ", reactor, " serves again"};
  }
  if (!empty) {
    return {OperationResult::kTimedOut,
            "reactor ",
            reactor,
            " still has ",
            pool_.reactors.Read(reactor).connections_active,
            " connections; it accepts no new ones; drain again or undrain it"};
  }
  pool_.reactors.SetState(reactor, ReactorState::kDrained);
  return {OperationResult::kSucceeded, "reactor ", reactor, " is drained"};
}

bool Drainer::AwaitFinished(std::uint32_t reactor, SteadyTime deadline) {
  for (;;) {
    const std::uint64_t left = pool_.reactors.Read(reactor).connections_active;
    pool_.Update([&](Operation& o) { o.connections_left = left; });
    if (left == 0) return true;
    const SteadyTime now = steady_clock::now();
    if (now >= deadline || pool_.Pause(std::min(now + kSampleInterval, deadline))) return false;
  }
}

// ---- the gateway ----

void Drainer::Enter(Phase phase, GatewayState state) {
  pool_.Begin(phase);
  pool_.SetState(state);
}

Outcome Drainer::DrainGateway(const DrainRequest& request) {
  const SteadyTime begun = pool_.requested;
  bool quiet = true;
  // Past that, the last drain continues one that it has cancelled.
  if (pool_.state.load() < GatewayState::kRefusing) {
    Enter(Phase::kUnhealthy, GatewayState::kUnhealthy);
    if (pool_.cancelled.load()) return Undrained();

    Enter(Phase::kQuiet, GatewayState::kQuiet);
    quiet = AwaitQuiet(request, begun);
    if (pool_.cancelled.load()) return Undrained();

    Enter(Phase::kRefusing, GatewayState::kRefusing);
    const absl::Status refused = Refuse(request.refuse);
    if (!refused.ok() && !pool_.ending.load()) {
      BackToService();
      return {OperationResult::kFailed, "cannot refuse new connections: ", refused.message(),
              "; the gateway serves again"};
    }
    if (!refused.ok()) {
      pool_.log.Write(LogLevel::kWarning,
                      absl::StrCat("cannot refuse new connections as configured: ",
                                   std::string(refused.message()), "; they are reset"));
    }
    if (pool_.cancelled.load()) return Undrained();
  }

  Enter(Phase::kClosing, GatewayState::kClosing);
  // A connection accepted from here on could only be closed again.
  Admit({.admission = Admission::kReset,
         .detach_filter = request.refuse == RefuseMode::kSilent,
         .drop_datagrams = request.refuse != RefuseMode::kAccept});
  Outcome outcome = CloseAll(request, begun);
  if (pool_.cancelled.load()) return Undrained();
  if (!quiet) absl::StrAppend(&outcome.message, "; the quiet period was cut short");
  pool_.SetState(GatewayState::kDrained);
  return outcome;
}

Outcome Drainer::Undrained() {
  if (pool_.ending.load()) return {OperationResult::kCancelled, kStoppedFirst};
  BackToService();
  return {OperationResult::kCancelled, "undrained; the gateway serves again"};
}

bool Drainer::AwaitQuiet(const DrainRequest& request, SteadyTime begun) {
  const auto most = std::max(std::min(request.quiet_max_wait, request.deadline - request.spread),
                             std::chrono::nanoseconds(0));
  const SteadyTime until = begun + most;
  SteadyTime last_new = steady_clock::now();
  std::optional<std::uint64_t> accepted;
  for (;;) {
    const SteadyTime now = steady_clock::now();
    const CounterSnapshot total = pool_.reactors.Total();
    const std::uint64_t n = total.connections_accepted + total.rejected_total();
    if (n != accepted.value_or(n)) last_new = now;
    accepted = n;
    pool_.Update([&](Operation& o) { o.connections_left = total.connections_active; });
    if (now - last_new >= request.quiet_period) return true;
    if (now >= until) return false;
    if (pool_.Pause(std::min({now + kSampleInterval, until, last_new + request.quiet_period}))) {
      return false;
    }
  }
}

absl::Status Drainer::Refuse(RefuseMode mode) {
  switch (mode) {
    case RefuseMode::kAccept:
      return absl::OkStatus();
    case RefuseMode::kReset:
      Admit({.admission = Admission::kReset, .drop_datagrams = true});
      return absl::OkStatus();
    case RefuseMode::kSilent:
      // Handshakes in progress still reach a queue: these are accepted, without the filter.
      Admit({.detach_filter = true, .drop_datagrams = true});
      return pool_.listeners.SetSynDrop(true);
  }
  return absl::InvalidArgumentError("no such mode");
}

void Drainer::Admit(const SetAdmission& admission) {
  (void)pool_.reactors.Ask(pool_.reactors.Running(), admission);
}

Outcome Drainer::CloseAll(const DrainRequest& request, SteadyTime begun) {
  const SteadyTime hard = begun + request.deadline;
  std::vector<std::uint64_t> ids;
  for (const std::uint32_t slot : pool_.reactors.Running()) {
    ids.push_back(pool_.reactors.Send(
        slot, CloseConnections{.spread = request.spread.count(), .hard_deadline = ToNanos(hard)}));
  }
  std::uint64_t closed = 0;
  std::uint64_t reset = 0;
  while (!ids.empty() && !pool_.cancelled.load() && steady_clock::now() < hard + kAnswerTimeout) {
    for (const Report& r :
         pool_.reactors.Await(ids, steady_clock::now() + kProgressInterval, &pool_.cancelled)) {
      std::erase(ids, r.id);
      closed += r.connections_closed;
      reset += r.connections_reset;
    }
    pool_.Update([&](Operation& o) {
      o.connections_left = pool_.reactors.Total().connections_active;
      o.connections_closed = closed;
      o.connections_reset = reset;
    });
  }
  if (!ids.empty()) {
    return {OperationResult::kFailed, ids.size(),
            " reactors did not respond; list the connections that are left"};
  }
  if (reset == 0) {
    return {OperationResult::kSucceeded, "drained: ", closed, " connections closed, none reset"};
  }
  return {OperationResult::kTimedOut,
          "the deadline passed: ",
          closed,
          " connections closed, ",
          reset,
          " reset"};
}

void Drainer::BackToService() {
  (void)pool_.reactors.Ask(pool_.reactors.Running(), CancelClose{});
  (void)pool_.listeners.SetSynDrop(false);
  Admit({});
  pool_.SetState(GatewayState::kServing);
}

}  // namespace echogw::server
