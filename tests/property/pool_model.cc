#include "tests/property/pool_model.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "tests/support/test_reactor.h"

namespace echogw::server {
namespace {

constexpr std::chrono::seconds kPatience{60};
constexpr std::size_t kTraceMax = 40;

ReactorState Shown(bool drained, bool draining, bool parked) {
  if (drained) return ReactorState::kDrained;
  if (draining) return ReactorState::kDraining;
  return parked ? ReactorState::kParked : ReactorState::kServing;
}

}  // namespace

PoolModel::PoolModel(Random& random) : random_(random) {
  const auto reactors = static_cast<std::uint32_t>(random.Between(1, 5));
  PoolOptions options = LoopbackPool(reactors);
  steering_ = random.Percent(70);
  options.steering = steering_;
  const std::vector<PollerKind> pollers = AllPollers();
  options.reactor.poller =
      random.Percent(60) ? PollerKind::kEpoll : pollers[random.Between(1, pollers.size() - 1)];
  // Few a turn, so that moves and closings take more than one.
  options.reactor.slice_connections = static_cast<std::uint32_t>(random.Between(1, 8));
  if (random.Percent(30)) options.listen.push_back(options.listen.front());
  kind_ = absl::StrCat(reactors, " reactors, ", options.listen.size(), " addresses, ",
                       steering_ ? "steered" : "hashed", ", poller ",
                       static_cast<int>(options.reactor.poller), ", slices of ",
                       options.reactor.slice_connections);
  pool_ = std::make_unique<TestPool>(options);
  std::vector<std::uint16_t> ports;
  for (std::size_t i = 0; i < options.listen.size(); ++i) ports.push_back(pool_->port(i));
  clients_ = std::make_unique<ModelClients>(ports, random);
  slots_.assign(reactors, Slot::kServing);
  weights_.assign(reactors, 1);
}

void PoolModel::Note(const std::string& what) {
  trace_.push_back(what);
  if (trace_.size() > kTraceMax) trace_.erase(trace_.begin());
}

std::string PoolModel::Trace() const { return absl::StrJoin(trace_, "\n"); }

void PoolModel::Step() {
  if (random_.Percent(65)) {
    StepOfClients();
  } else {
    StepOfOperator();
  }
  (void)clients_->Pump();
}

bool PoolModel::PumpUntil(const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!done()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    if (!clients_->Pump()) std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return true;
}

void PoolModel::Settle() {
  if (!pending_) return;
  ApplyPending();
  CheckStates();
}

void PoolModel::ApplyPending() {
  Operation o;
  EXPECT_TRUE(PumpUntil([&] {
    o = *(*pool_)->GetOperation(pending_->id);
    return o.result != OperationResult::kRunning;
  })) << "operation "
      << pending_->id << " does not end";
  Note(absl::StrCat("  operation ", o.id, ": ", static_cast<int>(o.result), " ", o.message));
  const Apply apply = std::move(pending_->apply);
  pending_.reset();
  apply(o);
}

void PoolModel::Begun(const absl::StatusOr<Operation>& begun, bool allowed, Apply apply) {
  if (pending_) {
    if (!begun.ok()) {
      // Busy; or the one before has just ended, and left no place for this one.
      if (begun.status().code() != absl::StatusCode::kFailedPrecondition) {
        EXPECT_NE((*pool_)->GetOperation(pending_->id)->result, OperationResult::kRunning)
            << begun.status();
      }
      return Settle();
    }
    // The one before it must have ended meanwhile.
    EXPECT_NE((*pool_)->GetOperation(pending_->id)->result, OperationResult::kRunning);
    ApplyPending();  // without a comparison: the new one is under way
  } else {
    EXPECT_EQ(begun.ok(), allowed) << begun.status();
  }
  if (!begun.ok()) return;
  pending_ = {begun->id, std::move(apply)};
  if (random_.Percent(50)) Settle();
}

std::vector<std::uint32_t> PoolModel::In(Slot state) const {
  std::vector<std::uint32_t> out;
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i] == state) out.push_back(i);
  }
  return out;
}

std::uint32_t PoolModel::running() const {
  return static_cast<std::uint32_t>(slots_.size() - In(Slot::kParked).size());
}

bool PoolModel::AnyWeight(const std::vector<std::uint32_t>& slots) const {
  return std::any_of(slots.begin(), slots.end(), [this](auto slot) { return weights_[slot] > 0; });
}

std::uint32_t PoolModel::AnyReactor() {
  return static_cast<std::uint32_t>(random_.Between(0, slots_.size() - 1));
}

void PoolModel::CheckStates() {
  const GatewayStats stats = (*pool_)->Stats();
  EXPECT_EQ(stats.state, GatewayState::kServing);
  EXPECT_EQ(stats.steering_active, steering_);
  ASSERT_EQ(stats.reactors.size(), slots_.size());
  std::set<std::pair<std::uint32_t, std::string>> listeners;
  for (const ReactorStats& r : stats.reactors) {
    const Slot slot = slots_[r.id];
    EXPECT_EQ(r.state,
              Shown(slot == Slot::kDrained, slot == Slot::kDraining || slot == Slot::kRetiring,
                    slot == Slot::kParked))
        << "reactor " << r.id;
    EXPECT_EQ(r.steering_weight, weights_[r.id]) << "reactor " << r.id;
    if (slot == Slot::kDrained || slot == Slot::kParked) {
      EXPECT_EQ(r.counters.connections_active, 0U) << "reactor " << r.id;
    }
    if (slot != Slot::kServing) {
      EXPECT_TRUE(r.listeners.empty()) << "reactor " << r.id;
    }
    for (const ListenerStats& l : r.listeners) {
      listeners.insert({l.slot, l.address});
      if (slots_[l.slot] == Slot::kServing) {
        EXPECT_EQ(l.owner, l.slot);
      }
    }
  }
  const std::size_t addresses = (*pool_)->listen_addresses().size();
  EXPECT_EQ(listeners.size(), slots_.size() * addresses) << "each listener has one owner";
}

void PoolModel::CheckAccounts() {
  // The automatic mode may be moving some, and the kernel brings the news of an end.
  EXPECT_TRUE(PumpUntil([&] {
    const CounterSnapshot total = (*pool_)->Stats().total;
    return total.connections_active == clients_->size() &&
           total.connections_moved_in == total.connections_moved_out;
  })) << (*pool_)->Stats().total.connections_active
      << " connections are there, of " << clients_->size();
  EXPECT_EQ(
      (*pool_)->Stats().total.connections_closed[static_cast<std::size_t>(CloseReason::kIoError)],
      0U);
}

bool PoolModel::AwaitAccepted() {
  return PumpUntil([&] {
    const CounterSnapshot total = (*pool_)->Stats().total;
    return total.connections_accepted + total.rejected_total() >= clients_->connected();
  });
}

void PoolModel::CheckAll() {
  Settle();
  clients_->CatchUp();
  CheckAccounts();
  CheckStates();
}

void PoolModel::Finish() {
  Settle();
  EXPECT_TRUE((*pool_)->SetAutoRebalance(false, std::nullopt).ok());
  clients_->CatchUp();
  CheckAccounts();
  clients_->Drop();
  EXPECT_TRUE(pool_->WaitForActive(0));
  ExpectSound((*pool_)->Stats());
  pool_.reset();
}

}  // namespace echogw::server
