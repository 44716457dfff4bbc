// Drain and undrain: of one reactor, whose connections move or finish, and of the gateway, step by
// step as GatewayState has it. Each step looks for a cancellation, which leads back to service.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "reactor/base/check.h"
#include "server/pool/reactor_pool.h"

namespace echogw::server {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLook{10};

Nanos ToMonotonic(steady_clock::time_point t) {
  // libstdc++'s steady_clock is CLOCK_MONOTONIC, as SystemClock is.
  return std::chrono::duration_cast<std::chrono::nanoseconds>(t.time_since_epoch()).count();
}

}  // namespace

ReactorPool::Outcome ReactorPool::Do(const DrainRequest& request, std::uint64_t id) {
  return request.reactor ? DrainReactor(request, id) : DrainGateway(request, id);
}

// ---- one reactor ----

ReactorPool::Outcome ReactorPool::DrainReactor(const DrainRequest& request, std::uint64_t id) {
  const std::uint32_t reactor = *request.reactor;
  const SteadyTime deadline = steady_clock::now() + request.deadline;
  if (slots_.state(reactor) == ReactorState::kDrained) {
    return {OperationResult::kSucceeded, absl::StrCat("reactor ", reactor, " is drained already")};
  }
  std::vector<std::uint32_t> others = slots_.InState(ReactorState::kServing);
  std::erase(others, reactor);
  if (others.empty() || std::all_of(others.begin(), others.end(),
                                    [this](auto slot) { return slots_.weight(slot) == 0; })) {
    return {OperationResult::kFailed,
            absl::StrCat("no reactor but ", reactor, " would take new connections")};
  }
  Phase(id, "steer");
  retiring_.erase(reactor);  // it is the operator's from here on
  slots_.SetState(reactor, ReactorState::kDraining);
  Steer();
  Phase(id, "park-listeners");
  if (!HandOver(reactor, others)) {
    TakeBack({reactor});
    return {OperationResult::kFailed,
            absl::StrCat("reactor ", reactor, " does not answer; nothing was changed")};
  }
  bool empty = false;
  if (request.let_finish) {
    Phase(id, "finish");
    empty = AwaitFinished(reactor, deadline, id);
  } else {
    Phase(id, "move-connections");
    empty = MoveAll({reactor}, others, deadline, id);
  }
  if (stopping_.load() && !empty) return {OperationResult::kCancelled, kStoppedFirst};
  if (cancel_.load() && !stopping_.load()) {
    TakeBack({reactor});
    return {OperationResult::kCancelled, absl::StrCat("reactor ", reactor, " serves again")};
  }
  if (!empty) {
    return {
        OperationResult::kTimedOut,
        absl::StrCat("reactor ", reactor, " still has ", slots_.Read(reactor).connections_active,
                     " connections; it takes no new ones; drain again or undrain it")};
  }
  slots_.SetState(reactor, ReactorState::kDrained);
  return {OperationResult::kSucceeded, absl::StrCat("reactor ", reactor, " is drained")};
}

bool ReactorPool::AwaitFinished(std::uint32_t reactor, SteadyTime deadline, std::uint64_t id) {
  for (;;) {
    const std::uint64_t left = slots_.Read(reactor).connections_active;
    operations_.Update(id, [&](Operation& o) { o.connections_left = left; });
    if (left == 0) return true;
    const SteadyTime now = steady_clock::now();
    if (now >= deadline || Pause(std::min(now + kLook, deadline))) return false;
  }
}

ReactorPool::Outcome ReactorPool::Do(const UndrainReactor& request, std::uint64_t /*id*/) {
  const ReactorState state = slots_.state(request.reactor);
  if (state == ReactorState::kDrained || state == ReactorState::kDraining) {
    TakeBack({request.reactor});
  }
  return {};
}

// ---- the gateway ----

ReactorPool::Outcome ReactorPool::DrainGateway(const DrainRequest& request, std::uint64_t id) {
  Phase(id, "unhealthy");
  const SteadyTime begun = steady_clock::now();
  SetState(GatewayState::kUnhealthy);
  if (cancel_.load()) return Undrained();

  Phase(id, "quiet");
  SetState(GatewayState::kQuiet);
  const bool quiet = AwaitQuiet(request, begun, id);
  if (cancel_.load()) return Undrained();

  Phase(id, "refusing");
  SetState(GatewayState::kRefusing);
  if (absl::Status s = Refuse(request.refuse); !s.ok()) {
    BackToService();
    return {OperationResult::kFailed,
            absl::StrCat("cannot refuse new connections: ", std::string(s.message()),
                         "; the gateway serves again")};
  }
  if (cancel_.load()) return Undrained();

  Phase(id, "closing");
  SetState(GatewayState::kClosing);
  // A connection that is accepted from here on could only be closed again.
  Admit({.admission = Admission::kReset,
         .detach_filter = request.refuse == RefuseMode::kSilent,
         .drop_datagrams = request.refuse != RefuseMode::kAccept});
  Outcome outcome = CloseAll(request, begun, id);
  if (cancel_.load()) return Undrained();
  if (!quiet) absl::StrAppend(&outcome.message, "; the quiet period was cut short");
  SetState(GatewayState::kDrained);
  return outcome;
}

ReactorPool::Outcome ReactorPool::Undrained() {
  if (stopping_.load()) return {OperationResult::kCancelled, kStoppedFirst};
  BackToService();
  return {OperationResult::kCancelled, "undrained; the gateway serves again"};
}

// True when no new connection came for the quiet period; false when that did not happen in time.
// Whatever was asked for, time is left for the spread of the closing.
bool ReactorPool::AwaitQuiet(const DrainRequest& request, SteadyTime begun, std::uint64_t id) {
  const auto most = std::max(std::min(request.quiet_max_wait, request.deadline - request.spread),
                             std::chrono::nanoseconds(0));
  const SteadyTime until = begun + most;
  std::uint64_t accepted = slots_.Accepted();
  SteadyTime last_new = begun;
  for (;;) {
    const SteadyTime now = steady_clock::now();
    if (const std::uint64_t n = slots_.Accepted(); n != accepted) {
      accepted = n;
      last_new = now;
    }
    operations_.Update(id, [&](Operation& o) { o.connections_left = slots_.Active(); });
    if (now - last_new >= request.quiet_period) return true;
    if (now >= until) return false;
    if (Pause(std::min({now + kLook, until, last_new + request.quiet_period}))) return false;
  }
}

absl::Status ReactorPool::Refuse(RefuseMode mode) {
  switch (mode) {
    case RefuseMode::kAccept:
      return absl::OkStatus();
    case RefuseMode::kReset:
      Admit({.admission = Admission::kReset, .drop_datagrams = true});
      return absl::OkStatus();
    case RefuseMode::kSilent:
      // Handshakes that are under way still end in a queue: they are accepted, without the filter.
      Admit({.detach_filter = true, .drop_datagrams = true});
      return slots_.SetSynDrop(true);
  }
  return absl::InvalidArgumentError("no such mode");
}

void ReactorPool::Admit(const SetAdmission& admission) {
  (void)Ask(slots_.Running(), Patience(), [&](std::uint64_t command, std::uint32_t) -> Command {
    SetAdmission set = admission;
    set.id = command;
    return set;
  });
}

// Reactors close what they have and report when nothing is left, at the deadline at the latest.
ReactorPool::Outcome ReactorPool::CloseAll(const DrainRequest& request, SteadyTime begun,
                                           std::uint64_t id) {
  const SteadyTime hard = begun + request.deadline;
  std::vector<std::uint64_t> ids;
  for (const std::uint32_t slot : slots_.Running()) {
    const std::uint64_t command = slots_.NextCommandId();
    slots_.PostBlocking(slot, CloseConnections{.id = command,
                                               .spread = request.spread.count(),
                                               .hard_deadline = ToMonotonic(hard)});
    ids.push_back(command);
  }
  std::uint64_t closed = 0;
  std::uint64_t reset = 0;
  const SteadyTime patience = hard + kAnswerPatience;
  while (!ids.empty() && !cancel_.load() && steady_clock::now() < patience) {
    for (const Report& r : Await(ids, steady_clock::now() + 10 * kLook, true)) {
      std::erase(ids, r.id);
      closed += r.connections_closed;
      reset += r.connections_reset;
    }
    operations_.Update(id, [&](Operation& o) {
      o.connections_left = slots_.Active();
      o.connections_closed = closed;
      o.connections_reset = reset;
    });
  }
  if (!ids.empty()) {
    return {
        OperationResult::kFailed,
        absl::StrCat(ids.size(), " reactors did not answer; see the connections that are left")};
  }
  if (reset == 0) {
    return {OperationResult::kSucceeded,
            absl::StrCat("drained; ", closed, " connections closed by us, none reset")};
  }
  return {OperationResult::kTimedOut,
          absl::StrCat("the deadline passed: ", closed, " connections closed, ", reset, " reset")};
}

void ReactorPool::BackToService() {
  (void)Ask(slots_.Running(), Patience(), [](std::uint64_t command, std::uint32_t) -> Command {
    return CancelClose{.id = command};
  });
  (void)slots_.SetSynDrop(false);
  Admit({});
  SetState(GatewayState::kServing);
}

ReactorPool::Outcome ReactorPool::Do(const UndrainGateway& /*request*/, std::uint64_t /*id*/) {
  if (state_.load() != GatewayState::kServing) BackToService();
  return {};
}

}  // namespace echogw::server
