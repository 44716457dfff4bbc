#include "tests/support/pool_fixture.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "gtest/gtest.h"
#include "reactor/base/check.h"
#include "tests/support/wait_until.h"

namespace echogw::server {

PoolOptions LoopbackPool(std::uint32_t reactors) {
  PoolOptions options;
  options.reactors = reactors;
  options.listen = {{.host = "127.0.0.1", .port = 0}};
  return options;
}

TestPool::TestPool(const PoolOptions& options) {
  auto pool = ReactorPool::Create(options, log_);
  EXPECT_TRUE(pool.ok()) << pool.status();
  CHECK(pool.ok());
  pool_ = std::move(*pool);
  pool_->SetStateObserver([this](GatewayState state) {
    const MutexLock lock(mutex_);
    observed_.push_back(state);
  });
  const absl::Status started = pool_->Start();
  EXPECT_TRUE(started.ok()) << started;
}

TestPool::~TestPool() {
  pool_->Stop();
  const GatewayStats stats = pool_->Stats();
  EXPECT_EQ(stats.state, GatewayState::kStopped);
  EXPECT_EQ(stats.total.connections_active, 0U);
  EXPECT_EQ(stats.total.pending_bytes, 0U);
  ExpectSound(stats);
}

std::uint16_t TestPool::port(std::size_t address) const {
  const std::string text = pool_->listen_addresses().at(address);
  return static_cast<std::uint16_t>(std::stoi(text.substr(text.rfind(':') + 1)));
}

Operation TestPool::Ended(const absl::StatusOr<Operation>& begun) {
  EXPECT_TRUE(begun.ok()) << begun.status();
  if (!begun.ok()) return {};
  Operation operation;
  EXPECT_TRUE(WaitUntil(
      [&] {
        const auto now = pool_->GetOperation(begun->id);
        EXPECT_TRUE(now.ok()) << now.status();
        if (!now.ok()) return true;
        operation = *now;
        return operation.result != OperationResult::kRunning;
      },
      3 * kTestDeadline))
      << "operation " << begun->id << " does not end; phase " << operation.phase;
  return operation;
}

Operation TestPool::Resize(std::uint32_t target) {
  const Operation o = Ended(pool_->Resize({.target = target}));
  EXPECT_EQ(o.result, OperationResult::kSucceeded) << o.message;
  return o;
}

Operation TestPool::Move(std::uint32_t from, std::uint32_t to, std::uint64_t connections) {
  const Operation o = Ended(pool_->Move({.from = from, .to = to, .connections = connections}));
  EXPECT_EQ(o.result, OperationResult::kSucceeded) << o.message;
  return o;
}

Operation TestPool::DrainReactor(std::uint32_t reactor) {
  const Operation o = Ended(pool_->Drain({.reactor = reactor}));
  EXPECT_EQ(o.result, OperationResult::kSucceeded) << o.message;
  return o;
}

ReactorState TestPool::StateOf(std::uint32_t reactor) const {
  return pool_->Stats().reactors.at(reactor).state;
}

std::vector<std::uint32_t> TestPool::In(ReactorState state) const {
  std::vector<std::uint32_t> out;
  for (const ReactorStats& r : pool_->Stats().reactors) {
    if (r.state == state) out.push_back(r.id);
  }
  return out;
}

std::uint64_t TestPool::ActiveOf(std::uint32_t reactor) const {
  return pool_->Stats().reactors.at(reactor).counters.connections_active;
}

bool TestPool::WaitForActive(std::uint64_t connections) {
  return WaitUntil([&] { return Active() == connections; });
}

bool TestPool::WaitForState(GatewayState state) {
  return WaitUntil([&] { return pool_->Stats().state == state; });
}

bool TestPool::WaitForPhase(const std::string& phase) {
  return WaitUntil([&] {
    const auto now = pool_->GetOperation(0);
    return now.ok() && now->phase == phase;
  });
}

std::vector<GatewayState> TestPool::observed() const {
  const MutexLock lock(mutex_);
  return observed_;
}

std::unique_ptr<StreamClient> TestPool::Connect(std::uint64_t salt, int receive_buffer_bytes) {
  const std::uint64_t before = pool_->Stats().total.connections_accepted;
  auto client = std::make_unique<StreamClient>(StreamClientOptions{
      .port = port(), .salt = salt, .receive_buffer_bytes = receive_buffer_bytes});
  EXPECT_EQ(client->error(), "");
  EXPECT_TRUE(WaitUntil([&] { return pool_->Stats().total.connections_accepted > before; }));
  return client;
}

std::vector<std::unique_ptr<StreamClient>> TestPool::ConnectTo(std::uint32_t reactor,
                                                               std::size_t count) {
  std::vector<SteeringWeight> weights;
  for (const ReactorStats& r : pool_->Stats().reactors) {
    if (r.state != ReactorState::kParked) weights.push_back({r.id, r.id == reactor ? 1U : 0U});
  }
  const auto set = pool_->SetSteering(weights, false);
  EXPECT_TRUE(set.ok()) << set.status();
  const std::uint64_t before = ActiveOf(reactor);
  std::vector<std::unique_ptr<StreamClient>> clients;
  for (std::size_t i = 0; i < count; ++i) {
    clients.push_back(
        std::make_unique<StreamClient>(StreamClientOptions{.port = port(), .salt = before + i}));
    EXPECT_EQ(clients.back()->error(), "");
  }
  EXPECT_TRUE(WaitUntil([&] { return ActiveOf(reactor) == before + count; }))
      << ActiveOf(reactor) << " connections";
  const auto reset = pool_->SetSteering({}, true);
  EXPECT_TRUE(reset.ok()) << reset.status();
  return clients;
}

bool AllEcho(const std::vector<std::unique_ptr<StreamClient>>& clients) {
  for (const auto& client : clients) {
    client->Offer(100);
    (void)client->Pump();
  }
  bool all = true;
  for (const auto& client : clients) {
    if (client->PumpUntilDone()) continue;
    all = false;
    ADD_FAILURE() << client->error();
  }
  return all;
}

void ExpectSound(const GatewayStats& stats) {
  for (const ReactorStats& r : stats.reactors) {
    const CounterSnapshot& c = r.counters;
    EXPECT_EQ(c.connections_accepted + c.connections_moved_in,
              c.closed_total() + c.connections_moved_out + c.connections_active)
        << "reactor " << r.id;
    if (r.state == ReactorState::kParked) {
      EXPECT_EQ(c.connections_active, 0U) << "parked reactor " << r.id;
      EXPECT_TRUE(r.listeners.empty()) << "parked reactor " << r.id;
    }
    if (r.state == ReactorState::kDrained || r.state == ReactorState::kDraining) {
      EXPECT_TRUE(r.listeners.empty()) << "drained reactor " << r.id;
    }
  }
  EXPECT_EQ(stats.total.connections_moved_in, stats.total.connections_moved_out);
}

double MaxOverMean(const GatewayStats& stats) {
  std::uint64_t sum = 0;
  std::uint64_t most = 0;
  std::uint64_t n = 0;
  for (const ReactorStats& r : stats.reactors) {
    if (r.state != ReactorState::kServing) continue;
    ++n;
    sum += r.counters.connections_active;
    most = std::max(most, r.counters.connections_active);
  }
  return sum == 0 ? 1 : static_cast<double>(most * n) / static_cast<double>(sum);
}

}  // namespace echogw::server
