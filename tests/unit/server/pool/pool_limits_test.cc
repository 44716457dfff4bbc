// Goal: limits hold for all reactors at once, whichever start, end or exchange connections
// meanwhile, and the connections of a client are counted exactly throughout.
// Method: live traffic during resizes and changes of limits; then hundreds of random steps against
// a model.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "reactor/uring/uring_engine.h"
#include "tests/support/descriptors.h"
#include "tests/support/pool_fixture.h"
#include "tests/support/pool_load.h"
#include "tests/support/random.h"
#include "tests/support/receive.h"
#include "tests/support/wait_until.h"

namespace echogw::server {
namespace {

// The limit of that name in the admin API.
const LimitField* Limit(std::string_view name) {
  const auto fields = LimitFields();
  return &*std::find_if(fields.begin(), fields.end(),
                        [&](const auto& f) { return f.name == name; });
}

LimitsChange Numbers(std::uint64_t total, std::uint64_t per_client) {
  return {.values = {{Limit("max_connections_total"), total},
                     {Limit("max_connections_per_client"), per_client}}};
}

// Connects from 127.0.1.`last` and sends a byte; valid if that came back, else it was reset.
UniqueFd ConnectFrom(std::uint8_t last, std::uint16_t port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(0x7f000100U | last);
  EXPECT_EQ(::bind(fd.get(), static_cast<sockaddr*>(static_cast<void*>(&at)), sizeof(at)), 0);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  at.sin_port = htons(port);
  EXPECT_EQ(::connect(fd.get(), static_cast<sockaddr*>(static_cast<void*>(&at)), sizeof(at)), 0);
  const timeval patience{.tv_sec = 20, .tv_usec = 0};
  EXPECT_EQ(::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
  char byte = 'x';
  const bool sent = ::send(fd.get(), &byte, 1, MSG_NOSIGNAL) == 1;
  const ssize_t n = sent ? Receive(fd.get(), &byte, 1) : -1;
  if (n < 0) {
    EXPECT_TRUE(errno == ECONNRESET || errno == EPIPE) << errno;
    fd.Reset();
  }
  return fd;
}

class PoolLimitsTest : public DescriptorTest {};

TEST_F(PoolLimitsTest, ChangesNameTheOldAndTheNewOnesAndDryRunsChangeNothing) {
  TestPool pool(2);
  LimitsChange change = Numbers(7, 3);
  change.dry_run = true;
  const auto planned = pool->SetLimits(change);
  ASSERT_TRUE(planned.ok());
  EXPECT_EQ(planned->after.max_connections_total, 7U);
  EXPECT_EQ(pool->GetLimits(), Limits());
  change.dry_run = false;
  const auto changed = pool->SetLimits(change);
  ASSERT_TRUE(changed.ok());
  EXPECT_EQ(changed->before, Limits());
  EXPECT_EQ(pool->GetLimits(), changed->after);
  EXPECT_EQ(changed->after.max_connections, Limits().max_connections) << "it was not named";
}

TEST_F(PoolLimitsTest, IoUringTakesNoByteLimits) {
  if (const absl::Status status = UringEngine::Available(); !status.ok()) {
    GTEST_SKIP() << status.message();
  }
  PoolOptions options = LoopbackPool(1);
  options.reactor.poller = PollerKind::kIoUring;
  TestPool pool(options);
  const auto changed = pool->SetLimits(
      {.values = {{Limit("max_connections_total"), 9}, {Limit("rate_bytes_per_second"), 1000}}});
  EXPECT_EQ(changed.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(pool->GetLimits().max_connections_total, 0U) << "nothing is half applied";
  EXPECT_TRUE(pool->SetLimits(Numbers(9, 0)).ok());
}

TEST_F(PoolLimitsTest, ReactorsThatStartLaterHaveThem) {
  TestPool pool(1);
  ASSERT_TRUE(pool->SetLimits(Numbers(0, 4)).ok());
  pool.Resize(4);
  std::vector<UniqueFd> fds;
  for (int i = 0; i < 12; ++i) fds.push_back(ConnectFrom(9, pool.port()));
  EXPECT_EQ(std::count_if(fds.begin(), fds.end(), [](const UniqueFd& fd) { return fd.valid(); }),
            4);
  const CounterSnapshot total = pool->Stats().total;
  EXPECT_EQ(total.connections_rejected[static_cast<std::size_t>(RejectReason::kClientLimit)], 8U);
}

TEST_F(PoolLimitsTest, ChangeWhileReactorsComeAndGoUnderTraffic) {
  TestPool pool(4);
  ClientLoad load({.ports = {pool.port()}, .held = 12, .seed = TestSeed()});
  std::atomic<bool> over{false};
  std::atomic<int> changes{0};
  // So wide that nobody is refused or closed, but every connection is counted, timed and metered.
  std::thread operators([&] {
    for (int i = 0; !over.load(); ++i) {
      LimitsChange change = i % 2 == 0 ? Numbers(100'000, 100'000) : Numbers(0, 0);
      change.values.emplace_back(Limit("rate_bytes_per_second"), i % 3 == 0 ? 0 : kRateMax);
      change.values.emplace_back(Limit("idle_timeout"), i % 2 == 0 ? 3600 * kNanosPerSecond : 0);
      EXPECT_TRUE(pool->SetLimits(change).ok());
      ++changes;
    }
  });
  for (int i = 0; i < 30; ++i) {
    const LoadResult before = load.Now();
    pool.Resize(i % 2 == 0 ? 1 + static_cast<std::uint32_t>(i % 3) : 6);
    EXPECT_TRUE(WaitUntil([&] { return load.Now().connections > before.connections; }));
  }
  over.store(true);
  operators.join();
  EXPECT_GT(changes.load(), 30);
  ASSERT_TRUE(pool->SetLimits(Numbers(100'000, 100'000)).ok());
  EXPECT_TRUE(WaitUntil([&] { return pool->limiter().total() >= 12; }));
  const LoadResult result = load.Stop();
  EXPECT_EQ(result.errors, 0U) << result.ToString();
  EXPECT_TRUE(pool.WaitForActive(0));
  EXPECT_EQ(pool->limiter().total(), 0U);
  EXPECT_EQ(pool->limiter().Clients(), 0U);
  EXPECT_EQ(pool->Stats().total.rejected_total(), 0U);
}

// What the property test believes to be there.
struct Model {
  static constexpr std::size_t kClients = 4;
  std::uint64_t total_max = 0;
  std::uint64_t client_max = 0;
  std::array<std::vector<UniqueFd>, kClients> open;

  [[nodiscard]] std::uint64_t total() const {
    std::uint64_t sum = 0;
    for (const auto& fds : open) sum += fds.size();
    return sum;
  }
  [[nodiscard]] bool Admits(std::size_t client) const {
    return (total_max == 0 || total() < total_max) &&
           (client_max == 0 || open[client].size() < client_max);
  }
};

std::uint64_t Counted(ReactorPool& pool, std::size_t client) {
  return pool.limiter().CountOf(ClientKeyOf(
      {.family = AF_INET, .address = {127, 0, 1, static_cast<std::uint8_t>(client + 1)}}));
}

void Step(TestPool& pool, Model& model, Random& random) {
  const std::size_t client = random.Index(Model::kClients);
  const auto reactor = [&] {
    const auto serving = pool.In(ReactorState::kServing);
    return serving[random.Index(serving.size())];
  };
  switch (random.Between(0, 11)) {
    case 0: {
      model.total_max = random.Percent(50) ? 0 : random.Between(1, 12);
      model.client_max = random.Percent(50) ? 0 : random.Between(1, 5);
      ASSERT_TRUE(pool->SetLimits(Numbers(model.total_max, model.client_max)).ok());
      break;
    }
    case 1:
      pool.Resize(static_cast<std::uint32_t>(random.Between(1, 4)));
      break;
    case 2: {
      const std::uint32_t from = reactor();
      const std::uint32_t to = reactor();
      if (from != to) pool.Move(from, to, random.Between(0, 3));
      break;
    }
    case 3: {
      if (pool.In(ReactorState::kServing).size() < 2) break;
      const std::uint32_t drained = reactor();
      pool.DrainReactor(drained);
      ASSERT_TRUE(pool->Undrain(drained).ok());
      break;
    }
    case 4:
    case 5:
    case 6: {
      auto& fds = model.open[client];
      if (fds.empty()) break;
      fds.erase(fds.begin() + static_cast<std::ptrdiff_t>(random.Index(fds.size())));
      ASSERT_TRUE(pool.WaitForActive(model.total()));
      break;
    }
    default: {
      const bool admitted = model.Admits(client);
      UniqueFd fd = ConnectFrom(static_cast<std::uint8_t>(client + 1), pool.port());
      ASSERT_EQ(fd.valid(), admitted)
          << "client " << client << " has " << model.open[client].size() << " of "
          << model.client_max << ", all have " << model.total() << " of " << model.total_max;
      if (admitted) model.open[client].push_back(std::move(fd));
    }
  }
}

TEST_F(PoolLimitsTest, CountsAreExactWhateverHappens) {
  Random random(TestSeed());
  TestPool pool(2);
  Model model;
  for (int step = 0; step < 400; ++step) {
    SCOPED_TRACE(::testing::Message() << "step " << step);
    Step(pool, model, random);
    if (HasFatalFailure()) return;
    ASSERT_EQ(pool.Active(), model.total());
    const bool counting = model.total_max != 0 || model.client_max != 0;
    ASSERT_EQ(pool->limiter().total(), counting ? model.total() : 0);
    for (std::size_t client = 0; client < Model::kClients; ++client) {
      ASSERT_EQ(Counted(pool.pool(), client), counting ? model.open[client].size() : 0)
          << "client " << client;
    }
  }
}

}  // namespace
}  // namespace echogw::server
