// Goal: a pool hands all it has to another one, or goes on as if nothing had been. The other pool
// is in this process, so that the sanitizers watch both; processes are in
// tests/e2e/upgrade_test.py.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/pool_fixture.h"
#include "tests/support/pool_load.h"

namespace echogw::server {
namespace {

using std::chrono::seconds;

// Of a successor: what it does wrong.
enum class Fault : std::uint8_t {
  kNone,
  kLaunch,
  kSend,
  kPrepare,
  kNotTold,
  kDiesServing,
  kRefuses
};

// A plain echo connection with a descriptor of its own.
MovedConnection Copy(const MovedConnection& from) {
  Connection to = from.peek();
  to.fd = ::fcntl(from.peek().fd, F_DUPFD_CLOEXEC, 0);
  to.has_cold = false;
  if (to.has_pending()) {
    to.pending = BufferPool::Make(to.pending_class).release();
    std::memcpy(to.pending, from.peek().pending, to.pending_end);
  }
  return MovedConnection(to);
}

// Another pool that takes the sockets.
class SecondPool final : public Successor {
 public:
  SecondPool(Fault fault, PoolSockets sockets) : fault_(fault), sockets_(std::move(sockets)) {
    options_ = LoopbackPool(sockets_.reactors);
    options_.taken = &sockets_;
    auto pool = ReactorPool::Create(options_, log_);
    if (!pool.ok()) return;
    pool_ = *std::move(pool);
    EXPECT_TRUE(pool_->Start().ok());
  }

  [[nodiscard]] ReactorPool& pool() { return *pool_; }

  [[nodiscard]] std::string name() const override { return "the second pool"; }
  [[nodiscard]] bool in_place() const override { return false; }
  [[nodiscard]] std::vector<SettingChange> changes() const override {
    return {{.key = "poller", .before = {"epoll"}, .after = {"poll"}}};
  }
  [[nodiscard]] std::vector<std::string> addresses_dropped() const override { return {}; }

  absl::Status Send(const SlotConnections& connections) override {
    if (fault_ == Fault::kSend && sent_++ == 1) return absl::UnavailableError("fault");
    SlotConnections& added = taken_.emplace_back();
    added.slot = connections.slot;
    for (const MovedConnection& c : connections.connections) {
      if (fault_ == Fault::kRefuses && c.peek().id % 2 == 0) {
        refused_.push_back(c.peek().id);
      } else {
        added.connections.push_back(Copy(c));
      }
    }
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<std::uint64_t>> Prepare(const PoolState& state) override {
    if (fault_ == Fault::kPrepare) return absl::UnavailableError("fault");
    state_ = state;
    return refused_;
  }
  absl::Status Serve() override {
    if (fault_ == Fault::kNotTold) return absl::AbortedError("fault");
    if (fault_ == Fault::kDiesServing) {
      taken_.clear();
      return absl::UnavailableError("fault");
    }
    pool_->TakeOver(state_, std::move(taken_));
    pool_->takeover().EndOperation(state_.operation, 1, seconds(1), "ended here");
    return absl::OkStatus();
  }
  absl::Status Report(const std::vector<CounterSnapshot>& counters) override {
    for (std::uint32_t slot = 0; slot < counters.size(); ++slot) {
      pool_->takeover().SetBase(slot, counters[slot]);
    }
    return absl::OkStatus();
  }

 private:
  const Fault fault_;
  const PoolSockets sockets_;
  PoolOptions options_;
  RecordingLog log_{LogLevel::kInfo};
  std::unique_ptr<ReactorPool> pool_;
  PoolState state_;
  std::vector<SlotConnections> taken_;
  std::vector<std::uint64_t> refused_;
  int sent_ = 0;
};

class Launcher final : public SuccessorLauncher {
 public:
  explicit Launcher(Fault fault) : fault_(fault) {}

  absl::StatusOr<std::unique_ptr<Successor>> Launch(
      const UpgradeRequest& /*request*/, PoolSockets sockets, SteadyTime /*deadline*/,
      const std::atomic<bool>& /*cancelled*/) override {
    if (fault_ == Fault::kLaunch) return absl::FailedPreconditionError("fault");
    return std::make_unique<SecondPool>(fault_, std::move(sockets));
  }
  void OnHandedOver(std::unique_ptr<Successor> successor,
                    std::chrono::nanoseconds linger) override {
    const MutexLock lock(mutex_);
    second_.reset(static_cast<SecondPool*>(successor.release()));
    linger_ = linger;
  }

  // Set once an upgrade has succeeded.
  [[nodiscard]] SecondPool* second() {
    const MutexLock lock(mutex_);
    return second_.get();
  }
  [[nodiscard]] std::chrono::nanoseconds linger() {
    const MutexLock lock(mutex_);
    return linger_;
  }

 private:
  const Fault fault_;
  Mutex mutex_;
  std::unique_ptr<SecondPool> second_ ECHOGW_GUARDED_BY(mutex_);
  std::chrono::nanoseconds linger_ ECHOGW_GUARDED_BY(mutex_){0};
};

std::vector<std::unique_ptr<StreamClient>> ConnectMany(TestPool& pool, std::size_t count) {
  std::vector<std::unique_ptr<StreamClient>> clients;
  for (std::size_t i = 0; i < count; ++i) clients.push_back(pool.Connect(i + 1));
  return clients;
}

// The upgrade fails, and the first pool has everything.
void ExpectRollback(Fault fault) {
  Launcher launcher(fault);
  TestPool pool(3);
  pool->takeover().SetLauncher(launcher);
  // More than a reactor moves in one turn.
  const auto clients = ConnectMany(pool, 200);
  ASSERT_TRUE(AllEcho(clients));
  for (int i = 0; i < 3; ++i) {
    const Operation ended = pool.Ended(pool->Upgrade({}));
    EXPECT_EQ(ended.result, OperationResult::kFailed);
    EXPECT_NE(ended.message.find("this process serves on"), std::string::npos) << ended.message;
    EXPECT_EQ(pool.Active(), 200U);
    ASSERT_TRUE(AllEcho(clients));
  }
  EXPECT_EQ(launcher.second(), nullptr);
  const auto another = pool.Connect(77);
  another->Offer(1000);
  EXPECT_TRUE(another->PumpUntilDone());
  EXPECT_EQ(pool.Resize(2).result, OperationResult::kSucceeded);
}

TEST(PoolUpgradeTest, ASuccessorThatDoesNotStartChangesNothing) { ExpectRollback(Fault::kLaunch); }
TEST(PoolUpgradeTest, ConnectionsInTransitComeBack) { ExpectRollback(Fault::kSend); }
TEST(PoolUpgradeTest, EverythingComesBack) { ExpectRollback(Fault::kPrepare); }
TEST(PoolUpgradeTest, OneThatCannotBeToldDoesNotServe) { ExpectRollback(Fault::kNotTold); }

TEST(PoolUpgradeTest, WithoutALauncherItIsRefused) {
  TestPool pool(1);
  const Operation ended = pool.Ended(pool->Upgrade({}));
  EXPECT_EQ(ended.result, OperationResult::kFailed);
  EXPECT_NE(ended.message.find("cannot be replaced"), std::string::npos) << ended.message;
}

TEST(PoolUpgradeTest, ADryRunShowsWhatWouldChange) {
  Launcher launcher(Fault::kNone);
  TestPool pool(2);
  pool->takeover().SetLauncher(launcher);
  const auto clients = ConnectMany(pool, 5);
  const Operation ended = pool.Ended(pool->Upgrade({.dry_run = true}));
  EXPECT_EQ(ended.result, OperationResult::kSucceeded) << ended.message;
  ASSERT_EQ(ended.changes.size(), 1U);
  EXPECT_EQ(ended.changes[0].key, "poller");
  EXPECT_TRUE(AllEcho(clients));
  EXPECT_EQ(launcher.second(), nullptr);
}

TEST(PoolUpgradeTest, ADeathWhileServingLosesItsConnectionsOnly) {
  Launcher launcher(Fault::kDiesServing);
  RecordingLog log(LogLevel::kInfo);
  const PoolOptions options = LoopbackPool(2);
  auto pool = ReactorPool::Create(options, log);
  ASSERT_TRUE(pool.ok()) << pool.status();
  (*pool)->takeover().SetLauncher(launcher);
  ASSERT_TRUE((*pool)->Start().ok());
  auto begun = (*pool)->Upgrade({});
  ASSERT_TRUE(begun.ok()) << begun.status();
  const auto ended = [&] { return *(*pool)->GetOperation(begun->id); };
  while (ended().result == OperationResult::kRunning) std::this_thread::yield();
  EXPECT_EQ(ended().result, OperationResult::kFailed);
  EXPECT_NE(ended().message.find("serves new ones"), std::string::npos) << ended().message;
  EXPECT_TRUE((*pool)->Resize({.target = 1}).ok());
}

TEST(PoolUpgradeTest, TheSecondPoolServesWithEverything) {
  for (const Fault fault : {Fault::kNone, Fault::kRefuses}) {
    Launcher launcher(fault);
    RecordingLog log(LogLevel::kInfo);
    const PoolOptions options = LoopbackPool(3);
    auto created = ReactorPool::Create(options, log);
    ASSERT_TRUE(created.ok()) << created.status();
    ReactorPool& first = **created;
    first.takeover().SetLauncher(launcher);
    ASSERT_TRUE(first.Start().ok());
    const std::string address = first.listen_addresses()[0];
    const auto port = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
    std::vector<std::unique_ptr<StreamClient>> clients;
    for (std::size_t i = 0; i < 60; ++i) {
      clients.push_back(
          std::make_unique<StreamClient>(StreamClientOptions{.port = port, .salt = i + 1}));
    }
    ASSERT_TRUE(AllEcho(clients));
    const CounterSnapshot before = first.Stats().total;

    auto begun = first.Upgrade({.linger = seconds(7)});
    ASSERT_TRUE(begun.ok()) << begun.status();
    while (first.GetOperation(begun->id)->result == OperationResult::kRunning) {
      std::this_thread::yield();
    }
    const Operation here = *first.GetOperation(begun->id);
    ASSERT_EQ(here.result, OperationResult::kSucceeded) << here.message;
    ASSERT_NE(launcher.second(), nullptr);
    EXPECT_EQ(launcher.linger(), seconds(7));
    ReactorPool& second = launcher.second()->pool();

    // Refused ones stayed, and both sides are one account.
    ASSERT_TRUE(AllEcho(clients));
    const std::uint64_t left = first.takeover().Remaining();
    EXPECT_EQ(left, fault == Fault::kRefuses ? here.connections_left : 0U);
    EXPECT_EQ(here.connections_moved + left, 60U);
    std::vector<CounterSnapshot> counted;
    for (const ReactorStats& reactor : first.Stats().reactors) counted.push_back(reactor.counters);
    EXPECT_TRUE(launcher.second()->Report(counted).ok());
    const GatewayStats stats = second.Stats();
    ExpectSound(stats);
    EXPECT_EQ(stats.total.connections_active, 60U);
    EXPECT_EQ(stats.total.connections_accepted, before.connections_accepted);
    EXPECT_GE(stats.total.received_bytes, before.received_bytes);
    EXPECT_EQ(stats.connections_of_predecessor, left);
    EXPECT_EQ(stats.lineage.upgrades, 1U);
    EXPECT_EQ(second.GetOperation(begun->id)->message, "ended here");

    // The first one has given up its place.
    EXPECT_TRUE(absl::IsUnavailable(first.Resize({.target = 1}).status()));
    EXPECT_TRUE(second.Resize({.target = 2}).ok());
    StreamClient another(StreamClientOptions{.port = port, .salt = 99});
    another.Offer(1000);
    EXPECT_TRUE(another.PumpUntilDone());
  }
}

}  // namespace
}  // namespace echogw::server
