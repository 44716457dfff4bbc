// Creating, starting and growing a pool where something is in the way: a port, a CPU, the limit of
// descriptors. Either all of it happens or nothing does.

#include <netinet/in.h>
#include <sys/socket.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/net/socket.h"
#include "tests/support/descriptors.h"
#include "tests/support/pool_fixture.h"
#include "tests/support/pool_rlimit.h"
#include "tests/support/test_reactor.h"

namespace echogw::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// No machine that runs this has so many.
constexpr int kNoSuchCpu = 1000;

class PoolCreateTest : public DescriptorTest {
 protected:
  [[nodiscard]] absl::Status CreateFails(const PoolOptions& options) {
    auto pool = ReactorPool::Create(options, log_);
    EXPECT_FALSE(pool.ok());
    return pool.status();
  }
  RecordingLog log_;
};

// The CPUs that a thread may run on, by the thread's name, as the kernel says.
std::map<std::string, std::string> ThreadCpus() {
  std::map<std::string, std::string> out;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream status(task.path() / "status");
    std::string name;
    for (std::string line; std::getline(status, line);) {
      const std::size_t tab = line.find('\t');
      if (line.starts_with("Name:")) name = line.substr(tab + 1);
      if (line.starts_with("Cpus_allowed_list:")) out[name] = line.substr(tab + 1);
    }
  }
  return out;
}

std::size_t ReactorThreads() {
  std::size_t n = 0;
  for (const auto& [name, cpus] : ThreadCpus()) n += name.starts_with("reactor-") ? 1U : 0U;
  return n;
}

TEST_F(PoolCreateTest, RefusesWhatCannotBe) {
  EXPECT_EQ(CreateFails(LoopbackPool(0)).message(), "reactors must be 1 to 256, not 0");
  EXPECT_EQ(CreateFails(LoopbackPool(257)).message(), "reactors must be 1 to 256, not 257");
  PoolOptions options = LoopbackPool(1);
  options.listen.clear();
  EXPECT_EQ(CreateFails(options).code(), absl::StatusCode::kInvalidArgument);
  options.listen = {{.host = "localhost", .port = 0}};
  EXPECT_EQ(CreateFails(options).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(PoolCreateTest, APortInUseStartsNothing) {
  const TestListener other;  // with SO_REUSEPORT, so that the kernel would let us join
  PoolOptions options = LoopbackPool(3);
  // The first address is free: what was bound for it must be closed again.
  options.listen.push_back({.host = "127.0.0.1", .port = other.port});
  const std::size_t before = OpenDescriptors();
  const absl::Status s = CreateFails(options);
  EXPECT_EQ(s.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(s.message(), "127.0.0.1:" + std::to_string(other.port) +
                             " is in use by another socket; choose another port, or share it: "
                             "--allow-shared-port on");
  EXPECT_EQ(OpenDescriptors(), before);
  EXPECT_EQ(ReactorThreads(), 0U);
}

TEST_F(PoolCreateTest, AnAddressOfAnotherMachineIsNoPortInUse) {
  PoolOptions options = LoopbackPool(1);
  options.listen = {{.host = "192.0.2.77", .port = 7000}};  // reserved for documentation
  const absl::Status s = CreateFails(options);
  EXPECT_EQ(s.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(s.message().find("port"), std::string::npos) << s;
}

TEST_F(PoolCreateTest, ASharedPortIsJoinedOnlyWhenAllowed) {
  const TestListener other;
  PoolOptions options = LoopbackPool(2);
  options.listen = {{.host = "127.0.0.1", .port = other.port}};
  options.allow_shared_port = true;
  TestPool pool(options);
  EXPECT_EQ(pool.port(), other.port);
  pool.Resize(3);
  pool.Resize(1);
}

TEST_F(PoolCreateTest, TwoPoolsDoNotShareAPortByAccident) {
  TestPool first(2);
  PoolOptions options = LoopbackPool(1);
  options.listen = {{.host = "127.0.0.1", .port = first.port()}};
  EXPECT_EQ(CreateFails(options).code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(PoolCreateTest, ReactorsRunOnTheirCpus) {
  PoolOptions options = LoopbackPool(2);
  options.cpus = {0};
  TestPool pool(options);
  pool.Resize(3);
  auto cpus = ThreadCpus();
  EXPECT_EQ(cpus["reactor-0"], "0");
  EXPECT_EQ(cpus["reactor-2"], "0");
  EXPECT_EQ(pool->Stats().reactors[2].cpu, 0);
}

TEST_F(PoolCreateTest, ACpuThatIsNotThereStartsNothing) {
  PoolOptions options = LoopbackPool(2);
  options.cpus = {0, kNoSuchCpu};  // the first one does start
  auto pool = ReactorPool::Create(options, log_);
  ASSERT_TRUE(pool.ok());
  const absl::Status s = (*pool)->Start();
  EXPECT_THAT(std::string(s.message()), HasSubstr("reactor 1 on CPU 1000"));
  EXPECT_EQ(ReactorThreads(), 0U);
  EXPECT_EQ((*pool)->Stats().state, GatewayState::kStarting);
  for (const ReactorStats& r : (*pool)->Stats().reactors) EXPECT_EQ(r.state, ReactorState::kParked);
}

TEST_F(PoolCreateTest, IsDestroyedWithoutAStart) {
  auto pool = ReactorPool::Create(LoopbackPool(3), log_);
  ASSERT_TRUE(pool.ok());
  EXPECT_EQ((*pool)->Stats().state, GatewayState::kStarting);
  EXPECT_EQ((*pool)->listen_addresses().size(), 1U);
}

TEST_F(PoolCreateTest, ServesSeveralAddressesOfBothFamilies) {
  PoolOptions options = LoopbackPool(2);
  options.listen = {{.host = "127.0.0.1", .port = 0}, {.host = "::1", .port = 0}};
  if (const absl::Status s = BindListener(options.listen[1], {}).status(); !s.ok()) {
    GTEST_SKIP() << "no IPv6 here: " << s;
  }
  TestPool pool(options);
  auto echo_on_both = [&] {
    std::vector<std::unique_ptr<StreamClient>> clients;
    for (std::uint64_t i = 0; i < 10; ++i) {
      clients.push_back(
          std::make_unique<StreamClient>(StreamClientOptions{.port = pool.port(0), .salt = i}));
      clients.push_back(std::make_unique<StreamClient>(
          StreamClientOptions{.host = "::1", .port = pool.port(1), .salt = i}));
    }
    return AllEcho(clients);
  };
  EXPECT_TRUE(echo_on_both());
  pool.Resize(5);
  EXPECT_TRUE(echo_on_both());
  pool.Resize(1);
  EXPECT_TRUE(echo_on_both());
  ASSERT_TRUE(pool.WaitForActive(0));
  const GatewayStats stats = pool->Stats();
  EXPECT_EQ(stats.reactors[0].listeners.size(), 10U) << "5 slots with 2 addresses";
  ExpectSound(stats);
}

class PoolGrowFailsTest : public PoolCreateTest {
 protected:
  // What must hold after a growth that failed: the pool is as it was and serves.
  void ExpectAsBefore(TestPool& pool, const std::vector<std::uint32_t>& serving) {
    EXPECT_THAT(pool.In(ReactorState::kServing), ::testing::ElementsAreArray(serving));
    const GatewayStats stats = pool->Stats();
    ExpectSound(stats);
    std::set<std::uint32_t> watched;
    for (const ReactorStats& r : stats.reactors) {
      for (const ListenerStats& l : r.listeners) {
        watched.insert(l.slot);
        EXPECT_EQ(stats.reactors[l.owner].state, ReactorState::kServing) << "owner " << l.owner;
      }
    }
    EXPECT_EQ(watched.size(), stats.reactors.size()) << "every slot has an owner";
    std::vector<std::unique_ptr<StreamClient>> clients;
    for (std::uint64_t i = 0; i < 30; ++i) {
      clients.push_back(
          std::make_unique<StreamClient>(StreamClientOptions{.port = pool.port(), .salt = i}));
    }
    EXPECT_TRUE(AllEcho(clients));
    clients.clear();
    EXPECT_TRUE(pool.WaitForActive(0));
  }
};

TEST_F(PoolGrowFailsTest, OutOfDescriptorsForListeners) {
  TestPool pool(2);
  const auto client = pool.Connect();
  const std::size_t before = OpenDescriptors();
  std::optional<DescriptorLimit> limit(3);
  const Operation o = pool.Ended(pool->Resize({.target = 8}));
  limit.reset();
  EXPECT_EQ(o.result, OperationResult::kFailed);
  EXPECT_THAT(o.message, HasSubstr("Too many open files"));
  EXPECT_EQ(OpenDescriptors(), before);
  EXPECT_EQ(pool->Stats().reactors.size(), 2U);
  client->Offer(1000);
  EXPECT_TRUE(client->PumpUntilDone());
  client->Close();
  ExpectAsBefore(pool, {0, 1});
  pool.Resize(8);
  ExpectAsBefore(pool, {0, 1, 2, 3, 4, 5, 6, 7});
}

TEST_F(PoolGrowFailsTest, OutOfDescriptorsForPollers) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "a sanitizer needs descriptors of its own";
#endif
  for (const bool steering : {true, false}) {
    PoolOptions options = LoopbackPool(2);
    options.steering = steering;
    TestPool pool(options);
    // A mailbox and a listener for each of 3 slots fit; one poller does, the next does not.
    std::optional<DescriptorLimit> limit(3 * 2 + 1);
    const Operation o = pool.Ended(pool->Resize({.target = 5}));
    limit.reset();
    EXPECT_EQ(o.result, OperationResult::kFailed);
    EXPECT_THAT(o.message, HasSubstr("epoll_create1"));
    ExpectAsBefore(pool, {0, 1});
    pool.Resize(5);
    ExpectAsBefore(pool, {0, 1, 2, 3, 4});
    pool.Resize(1);
    ExpectAsBefore(pool, {0});
  }
}

// As after a cpuset was made smaller while the process runs.
TEST_F(PoolCreateTest, WhereACpuIsNotThereAnyMoreANewReactorTakesAnotherOrNone) {
  PoolOptions options = LoopbackPool(1);
  options.cpus = {0, kNoSuchCpu};
  TestPool pool(options);
  pool.Resize(2);
  EXPECT_EQ(ThreadCpus()["reactor-1"], "0");
  EXPECT_EQ(pool->Stats().reactors[1].cpu, 0);
  ASSERT_EQ(pool.log().Count("reactor 1 may not run on CPU 1000 any more: on CPU 0"), 1U);
}

// A drained reactor must not be given listeners of reactors that did not start.
TEST_F(PoolGrowFailsTest, WhileReactor0IsDrained) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "a sanitizer needs descriptors of its own";
#endif
  TestPool pool(2);
  pool.DrainReactor(0);
  // A mailbox and a listener fit, a poller does not.
  std::optional<DescriptorLimit> limit(2);
  const Operation o = pool.Ended(pool->Resize({.target = 3}));
  limit.reset();
  EXPECT_EQ(o.result, OperationResult::kFailed);
  EXPECT_THAT(o.message, HasSubstr("epoll_create1"));
  EXPECT_THAT(pool.In(ReactorState::kDrained), ElementsAre(0));
  EXPECT_THAT(pool->Stats().reactors[0].listeners, IsEmpty());
  ExpectAsBefore(pool, {1});
}

// select() has no room for descriptors from FD_SETSIZE on: a listener of that kind could not be
// accepted from, so that growth must fail instead.
TEST_F(PoolGrowFailsTest, ListenersBeyondWhatSelectCanWatch) {
  PoolOptions options = LoopbackPool(1);
  options.reactor.poller = PollerKind::kSelect;
  TestPool pool(options);
  std::vector<UniqueFd> fill;
  do {
    fill.emplace_back(::socket(AF_INET, SOCK_DGRAM, 0));
    ASSERT_TRUE(fill.back().valid());
  } while (fill.back().get() < FD_SETSIZE - 4);
  const Operation o = pool.Ended(pool->Resize({.target = 6}));
  EXPECT_EQ(o.result, OperationResult::kFailed) << o.message;
  fill.clear();
  ExpectAsBefore(pool, {0});
}

}  // namespace
}  // namespace echogw::server
