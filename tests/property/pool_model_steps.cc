// The steps of the model: what is asked of the pool, and what may come of it.

#include <chrono>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/property/pool_model.h"

namespace echogw::server {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr std::uint32_t kReactorsHere = 9;

}  // namespace

void PoolModel::StepOfClients() {
  const std::uint64_t pick = random_.Between(1, 100);
  if (pick <= 40) {
    clients_->Talk();
  } else if (pick <= 70) {
    clients_->Connect(random_.Between(1, 6));
  } else if (pick <= 80) {
    clients_->CloseOne();
  } else if (pick <= 90) {
    clients_->HalfCloseOne();
  } else if (pick <= 97) {
    clients_->ResetOne();
  } else {
    Note("compare all");
    CheckAll();
  }
}

void PoolModel::StepOfOperator() {
  const std::uint64_t pick = random_.Between(1, 100);
  if (pick <= 30) return Resize();
  if (pick <= 40) return DrainReactor();
  if (pick <= 45) return DrainReactorAndBack();
  if (pick <= 55) return UndrainReactor();
  if (pick <= 68) return Move();
  if (pick <= 76) return Rebalance();
  if (pick <= 84) return SetSteering();
  if (pick <= 89) return SwitchAutomatic();
  if (pick <= 93) return AskNonsense();
  if (pick <= 98) return DrainGatewayAndBack();
  DrainGatewayToTheEnd();
}

void PoolModel::Resize() {
  const auto target = static_cast<std::uint32_t>(random_.Between(1, kReactorsHere));
  const bool hasty = random_.Percent(20);
  const bool dry = random_.Percent(5);
  Note(absl::StrCat("resize ", target, hasty ? " at once" : "", dry ? " dry" : ""));
  const auto begun = (*pool_)->Resize(
      {.target = target, .deadline = hasty ? seconds(0) : seconds(30), .dry_run = dry});
  Begun(begun, true, [this, target, hasty, dry](const Operation& o) {
    if (dry) {
      EXPECT_EQ(o.result, OperationResult::kSucceeded);
      return;
    }
    ApplyResize(target, hasty, o);
  });
}

void PoolModel::ApplyResize(std::uint32_t target, bool hasty, const Operation& o) {
  const std::uint32_t before = running();
  EXPECT_EQ(o.reactors_before, before);
  for (std::uint32_t i = 0; i < std::min<std::size_t>(target, slots_.size()); ++i) {
    if (slots_[i] == Slot::kRetiring) slots_[i] = Slot::kServing;
  }
  if (target >= before) {
    EXPECT_EQ(o.result, OperationResult::kSucceeded) << o.message;
    slots_.resize(std::max<std::size_t>(target, slots_.size()), Slot::kServing);
    weights_.resize(slots_.size(), 1);
    for (std::uint32_t i = before; i < target; ++i) slots_[i] = Slot::kServing;
    return;
  }
  std::vector<std::uint32_t> stay = In(Slot::kServing);
  std::erase_if(stay, [target](auto slot) { return slot >= target; });
  if (stay.empty() || !AnyWeight(stay)) {
    EXPECT_EQ(o.result, OperationResult::kFailed) << o.message;
    return;
  }
  const bool timed_out = hasty && o.result == OperationResult::kTimedOut;
  // Cancelled: a drain of the gateway came.
  if (timed_out || o.result == OperationResult::kCancelled) {
    if (timed_out) {
      EXPECT_GT(o.connections_left, 0U);
    }
    for (std::uint32_t i = target; i < before; ++i) {
      if (slots_[i] == Slot::kServing) slots_[i] = Slot::kRetiring;
    }
    return;
  }
  EXPECT_EQ(o.result, OperationResult::kSucceeded) << o.message;
  for (std::uint32_t i = target; i < before; ++i) slots_[i] = Slot::kParked;
}

void PoolModel::DrainReactor() {
  const std::uint32_t reactor = AnyReactor();
  const bool finish = random_.Percent(30);
  Note(absl::StrCat("drain reactor ", reactor, finish ? " let finish" : ""));
  std::vector<std::uint32_t> others = In(Slot::kServing);
  std::erase(others, reactor);
  const bool allowed = slots_[reactor] != Slot::kParked && !others.empty();
  const auto begun = (*pool_)->Drain(
      {.reactor = reactor,
       .let_finish = finish,
       .deadline = finish ? nanoseconds(milliseconds(random_.Between(0, 20))) : seconds(30)});
  Begun(begun, allowed, [this, reactor, finish](const Operation& o) {
    std::vector<std::uint32_t> takers = In(Slot::kServing);
    std::erase(takers, reactor);
    if (slots_[reactor] == Slot::kDrained) {
      EXPECT_EQ(o.result, OperationResult::kSucceeded) << o.message;
    } else if (!AnyWeight(takers)) {
      EXPECT_EQ(o.result, OperationResult::kFailed) << o.message;
    } else if (o.result == OperationResult::kTimedOut) {
      EXPECT_TRUE(finish) << o.message;
      slots_[reactor] = Slot::kDraining;
    } else if (o.result == OperationResult::kCancelled) {
      slots_[reactor] = Slot::kServing;  // a drain of the gateway came
    } else {
      EXPECT_EQ(o.result, OperationResult::kSucceeded) << o.message;
      slots_[reactor] = Slot::kDrained;
    }
  });
}

void PoolModel::DrainReactorAndBack() {
  Settle();
  const std::uint32_t reactor = AnyReactor();
  Note(absl::StrCat("drain reactor ", reactor, " and back"));
  const auto begun = (*pool_)->Drain({.reactor = reactor, .let_finish = random_.Percent(50)});
  if (!begun.ok()) return;
  for (std::uint64_t i = random_.Between(0, 20); i > 0; --i) (void)clients_->Pump();
  absl::StatusOr<GatewayState> back = (*pool_)->Undrain(reactor);
  EXPECT_TRUE(back.ok()) << back.status();
  const auto o = (*pool_)->GetOperation(begun->id);
  EXPECT_NE(o->result, OperationResult::kRunning);
  slots_[reactor] = Slot::kServing;
  CheckStates();
}

void PoolModel::UndrainReactor() {
  Settle();
  const std::uint32_t reactor = AnyReactor();
  Note(absl::StrCat("undrain reactor ", reactor));
  const auto back = (*pool_)->Undrain(reactor);
  if (slots_[reactor] == Slot::kParked) {
    EXPECT_EQ(back.status().code(), absl::StatusCode::kInvalidArgument);
  } else {
    EXPECT_TRUE(back.ok()) << back.status();
    slots_[reactor] = Slot::kServing;
  }
  CheckStates();
}

void PoolModel::Move() {
  const std::uint32_t from = AnyReactor();
  const std::uint32_t to = AnyReactor();
  const std::uint64_t count = random_.Between(0, 20);
  Note(absl::StrCat("move ", count, " from ", from, " to ", to));
  const bool allowed = from != to && slots_[from] != Slot::kParked && slots_[to] == Slot::kServing;
  const auto begun = (*pool_)->Move({.from = from, .to = to, .connections = count});
  if (from == to) {
    EXPECT_EQ(begun.status().code(), absl::StatusCode::kInvalidArgument);
    return;
  }
  Begun(begun, allowed, [count](const Operation& o) {
    EXPECT_NE(o.result, OperationResult::kFailed) << o.message;
    if (count > 0) {
      EXPECT_LE(o.connections_moved, count);
    }
  });
}

void PoolModel::Rebalance() {
  const auto policy = random_.Percent(90) ? RebalancePolicy::kConnections : RebalancePolicy::kBytes;
  const std::uint64_t most = random_.Percent(30) ? random_.Between(1, 10) : 0;
  const bool dry = random_.Percent(10);
  Note(absl::StrCat("rebalance ", static_cast<int>(policy), " most ", most));
  const auto begun = (*pool_)->Rebalance({.policy = policy, .dry_run = dry, .max_moves = most});
  Begun(begun, true, [most, dry](const Operation& o) {
    EXPECT_NE(o.result, OperationResult::kFailed) << o.message;
    if (most > 0) {
      EXPECT_LE(o.connections_moved, most);
    }
    if (dry) {
      EXPECT_EQ(o.connections_moved, 0U);
    }
  });
}

void PoolModel::SetSteering() {
  Settle();
  const std::uint32_t reactor = AnyReactor();
  const auto weight = static_cast<std::uint32_t>(random_.Between(0, 3));
  const bool reset = random_.Percent(30);
  Note(absl::StrCat("weight of ", reactor, " = ", weight, reset ? ", others 1" : ""));
  std::vector<std::uint32_t> wanted = weights_;
  for (std::uint32_t i = 0; i < wanted.size(); ++i) {
    // Parked reactors keep theirs: they are not in the answer either.
    if (reset && slots_[i] != Slot::kParked) wanted[i] = 1;
  }
  wanted[reactor] = weight;
  std::uint32_t sum = 0;
  for (const std::uint32_t slot : In(Slot::kServing)) sum += wanted[slot];
  const bool allowed = steering_ && slots_[reactor] != Slot::kParked && sum > 0;
  const auto set = (*pool_)->SetSteering({{reactor, weight}}, reset);
  EXPECT_EQ(set.ok(), allowed) << set.status();
  if (set.ok()) weights_ = wanted;
  CheckStates();
}

void PoolModel::SwitchAutomatic() {
  const bool on = random_.Percent(50);
  Note(absl::StrCat("automatic ", on));
  EXPECT_TRUE(
      (*pool_)->SetAutoRebalance(on, static_cast<RebalancePolicy>(random_.Between(0, 2))).ok());
}

void PoolModel::AskNonsense() {
  EXPECT_FALSE((*pool_)->Resize({.target = 0}).ok());
  EXPECT_FALSE((*pool_)->Resize({.target = kReactorsMax + 1}).ok());
  EXPECT_FALSE((*pool_)->Move({.from = kReactorsHere, .to = 0}).ok());
  EXPECT_FALSE((*pool_)->Drain({.reactor = kReactorsHere}).ok());
  EXPECT_FALSE((*pool_)->Drain({.deadline = seconds(-1)}).ok());
  EXPECT_FALSE((*pool_)->Undrain(kReactorsHere).ok());
  EXPECT_FALSE((*pool_)->SetSteering({{kReactorsHere, 1}}, true).ok());
  EXPECT_FALSE((*pool_)->GetOperation(UINT64_MAX).ok());
}

// While an operation runs, or not; taken back before anything is closed. Nobody notices.
void PoolModel::DrainGatewayAndBack() {
  Note("drain the gateway and back");
  const bool quiet = random_.Percent(50);
  // One that is accepted while the gateway closes is reset.
  EXPECT_TRUE(AwaitAccepted());
  const bool nothing_to_close = clients_->size() == 0;
  const auto begun = (*pool_)->Drain({.deadline = hours(3),
                                      .quiet_period = quiet ? seconds(3600) : seconds(0),
                                      .quiet_max_wait = hours(1),
                                      .refuse = static_cast<RefuseMode>(random_.Between(0, 2)),
                                      .spread = hours(1)});
  ASSERT_TRUE(begun.ok()) << begun.status();
  for (std::uint64_t i = random_.Between(0, 30); i > 0; --i) (void)clients_->Pump();
  if (quiet && random_.Percent(50)) clients_->Connect(2);  // still served
  const auto back = (*pool_)->Undrain(std::nullopt);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_TRUE(PumpUntil(
      [&] { return (*pool_)->GetOperation(begun->id)->result != OperationResult::kRunning; }));
  const OperationResult result = (*pool_)->GetOperation(begun->id)->result;
  EXPECT_TRUE(result == OperationResult::kCancelled ||
              (nothing_to_close && result == OperationResult::kSucceeded));
  // A drain that had not begun yet leaves the operation before it to its own end.
  EXPECT_TRUE(PumpUntil([&] { return (*pool_)->Stats().state == GatewayState::kServing; }));
  Settle();
}

// The end of all connections there are: each gets a prefix of its echo, then FIN or RST.
void PoolModel::DrainGatewayToTheEnd() {
  Note("drain the gateway");
  const auto begun = (*pool_)->Drain({.deadline = milliseconds(random_.Between(50, 400)),
                                      .quiet_period = nanoseconds(0),
                                      .refuse = static_cast<RefuseMode>(random_.Between(0, 2)),
                                      .spread = milliseconds(random_.Between(0, 40))});
  ASSERT_TRUE(begun.ok()) << begun.status();
  Operation o;
  const auto end = std::chrono::steady_clock::now() + seconds(60);
  while ((o = *(*pool_)->GetOperation(begun->id)).result == OperationResult::kRunning) {
    clients_->PumpWhileClosing();
    ASSERT_LT(std::chrono::steady_clock::now(), end) << "phase " << o.phase;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  Note(absl::StrCat("  drained: ", o.message));
  EXPECT_TRUE(o.result == OperationResult::kSucceeded || o.result == OperationResult::kTimedOut)
      << o.message;
  EXPECT_EQ((*pool_)->Stats().state, GatewayState::kDrained);
  EXPECT_EQ((*pool_)->Stats().total.connections_active, 0U);
  EXPECT_EQ((*pool_)->Stats().total.pending_bytes, 0U);
  EXPECT_FALSE((*pool_)->Resize({.target = 2}).ok());
  clients_->PumpWhileClosing();
  clients_->Drop();
  const auto back = (*pool_)->Undrain(std::nullopt);
  ASSERT_TRUE(back.ok()) << back.status();
  Settle();
}

}  // namespace echogw::server
