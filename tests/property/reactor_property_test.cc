// Goal: whatever clients do and however connections and listeners move between reactors, clients
// get back what they sent, no descriptor stays open, and the counters add up. Method: a seeded
// swarm of clients against 1 to 4 reactors on their own threads, over every poller, with random
// sizes; level-triggered pollers also get faulty system calls. The canary shows that the swarm
// finds a single wrong, missing or doubled byte.
#include <sys/socket.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "reactor/poll/poller.h"
#include "tests/property/echo_swarm.h"
#include "tests/support/descriptors.h"
#include "tests/support/faulty_socket_io.h"
#include "tests/support/hooked_socket_io.h"
#include "tests/support/test_reactor.h"
#include "tests/support/wait_until.h"

namespace echogw {
namespace {

// The number of rounds of each property; ECHOGW_TEST_ROUNDS sets it.
int Rounds() {
  const char* given = std::getenv("ECHOGW_TEST_ROUNDS");
  return given != nullptr ? std::stoi(given) : 60;
}

// A few reactors that listen on one port, and a driver that moves connections and listeners between
// them.
class Group {
 public:
  Group(PollerKind poller, Random& random) : random_(random) {
    const std::size_t n = random.Between(1, 4);
    TestReactorOptions options = Draw(poller);
    const bool level = poller == PollerKind::kPoll || poller == PollerKind::kSelect;
    if (level && random.Percent(70)) {
      io_ = std::make_unique<FaultySocketIo>(random.Between(0, UINT32_MAX), 20);
      options.io = io_.get();
    }
    for (std::size_t i = 0; i < n; ++i) {
      listeners_.push_back(std::make_unique<TestListener>(
          options.listen, i == 0 ? std::uint16_t{0} : listeners_[0]->port));
    }
    for (std::size_t i = 0; i < n; ++i) {
      options.reactor.id = static_cast<std::uint32_t>(i);
      reactors_.push_back(std::make_unique<TestReactor>(options));
      reactors_[i]->Post(
          AdoptListeners{.id = 0, .listeners = {listeners_[i]->On(options.reactor.id)}});
      reactors_[i]->Start();
    }
    move_of_.resize(n, 0);
  }

  [[nodiscard]] std::uint16_t port() const { return listeners_[0]->port; }

  // Moves connections or a listener from one reactor to some others.
  void Disturb() {
    const std::size_t from = random_.Index(reactors_.size());
    std::vector<Mailbox*> others;
    for (std::size_t i = 0; i < reactors_.size(); ++i) {
      if (i != from && random_.Percent(60)) others.push_back(&reactors_[i]->mailbox());
    }
    if (others.empty()) return;
    if (random_.Percent(40)) {
      std::optional<std::uint32_t> slot;
      if (random_.Percent(50)) slot = static_cast<std::uint32_t>(random_.Index(reactors_.size()));
      reactors_[from]->Post(HandOverListeners{.id = 0, .slot = slot, .targets = others});
      return;
    }
    // One at a time: a second move would end the first.
    if (move_of_[from] != 0 && !reactors_[from]->FindReport(move_of_[from])) return;
    move_of_[from] = ++last_id_;
    reactors_[from]->Post(MoveConnections{
        .id = last_id_,
        .targets = others,
        .count_max = random_.Between(0, 20),
        .slice_pause = random_.Percent(50) ? 0 : static_cast<Nanos>(random_.Between(0, 2'000'000)),
    });
  }

  [[nodiscard]] CounterSnapshot Sum() const {
    CounterSnapshot sum;
    for (const auto& r : reactors_) sum += r->counters();
    return sum;
  }

  // No connection is open or in transit.
  [[nodiscard]] bool Quiet() {
    for (std::size_t i = 0; i < reactors_.size(); ++i) {
      if (move_of_[i] != 0 && !reactors_[i]->FindReport(move_of_[i])) return false;
    }
    const CounterSnapshot s = Sum();
    return s.connections_active == 0 && s.connections_moved_in == s.connections_moved_out;
  }

  void Finish() {
    for (const auto& r : reactors_) r->Finish();
  }

 private:
  [[nodiscard]] TestReactorOptions Draw(PollerKind poller) {
    TestReactorOptions options;
    options.deaf = true;
    options.reactor.poller = poller;
    options.reactor.buffer_bytes = std::size_t{64} << (2 * random_.Between(0, 5));
    options.reactor.turn_bytes = options.reactor.buffer_bytes * random_.Between(1, 4);
    options.reactor.events_max = static_cast<std::uint32_t>(random_.Between(1, 64));
    options.reactor.slice_connections = static_cast<std::uint32_t>(random_.Between(1, 8));
    options.reactor.accept_batch_max = static_cast<std::uint32_t>(random_.Between(1, 64));
    if (random_.Percent(60)) options.listen.send_buffer_bytes = 4096;
    if (random_.Percent(40)) options.listen.receive_buffer_bytes = 4096;
    return options;
  }

  Random& random_;
  std::unique_ptr<FaultySocketIo> io_;
  std::vector<std::unique_ptr<TestListener>> listeners_;
  std::vector<std::unique_ptr<TestReactor>> reactors_;
  // The id of the last move of each reactor; 0: none.
  std::vector<std::uint64_t> move_of_;
  std::uint64_t last_id_ = 0;
};

std::string Lines(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

// Runs the swarm to its end or the deadline, calling `between` after every step.
template <typename Between>
void RunSwarm(EchoSwarm& swarm, Between between) {
  const auto deadline = std::chrono::steady_clock::now() + kTestDeadline;
  while (swarm.Step()) {
    if (std::chrono::steady_clock::now() >= deadline) {
      ADD_FAILURE() << "clients are stuck";
      return;
    }
    between();
    // The reactors share the machine with the swarm.
    std::this_thread::yield();
  }
}

class ReactorPropertyTest : public ::testing::TestWithParam<PollerKind> {};
INSTANTIATE_TEST_SUITE_P(, ReactorPropertyTest, ::testing::ValuesIn(AllPollers()),
                         [](const auto& tested) { return std::string(PollerName(tested.param)); });

TEST_P(ReactorPropertyTest, EveryByteComesBackWhateverHappens) {
  const std::uint64_t seed = TestSeed();
  std::uint64_t moved = 0;
  std::uint64_t adopted = 0;
  const int rounds = Rounds();
  for (int round = 0; round < rounds && !HasFailure(); ++round) {
    SCOPED_TRACE("seed " + std::to_string(seed) + " round " + std::to_string(round));
    Random random(seed + static_cast<std::uint64_t>(round));
    const std::size_t descriptors = OpenDescriptors();
    {
      Group group(GetParam(), random);
      EchoSwarm swarm({.port = group.port(), .clients = random.Between(1, 60)}, random);
      const unsigned unrest = static_cast<unsigned>(random.Between(1, 60));
      RunSwarm(swarm, [&] {
        if (random.Percent(unrest)) group.Disturb();
      });
      EXPECT_EQ(Lines(swarm.errors()), "");
      // The connection of a client that is gone may still be queued.
      EXPECT_TRUE(WaitUntil(
          [&] { return group.Quiet() && group.Sum().connections_accepted >= swarm.connected(); }));
      group.Finish();
      const CounterSnapshot sum = group.Sum();
      EXPECT_EQ(sum.connections_accepted, swarm.connected());
      EXPECT_EQ(sum.closed_total(), swarm.connected());
      EXPECT_EQ(sum.connections_moved_in, sum.connections_moved_out);
      EXPECT_EQ(sum.connections_closed[static_cast<std::size_t>(CloseReason::kIoError)], 0U);
      EXPECT_EQ(sum.rejected_total(), 0U);
      EXPECT_LE(sum.sent_bytes, sum.received_bytes);
      moved += sum.connections_moved_in;
      adopted += sum.accepted_from_adopted;
    }
    EXPECT_EQ(OpenDescriptors(), descriptors) << "descriptors leak";
  }
  std::cout << moved << " connections moved, " << adopted << " accepted from adopted listeners\n";
}

enum class Damage : std::uint8_t { kFlip, kDrop, kDouble };

// Damages one write in the middle of the stream.
class CanaryTest : public ::testing::TestWithParam<Damage> {};
INSTANTIATE_TEST_SUITE_P(, CanaryTest,
                         ::testing::Values(Damage::kFlip, Damage::kDrop, Damage::kDouble));

TEST_P(CanaryTest, TheSwarmNoticesOneDamagedByte) {
  const std::uint64_t seed = TestSeed();
  Random random(seed);
  HookedSocketIo io;
  std::uint64_t writes = 0;
  io.on_write = [&](int fd, std::span<const std::byte> from) -> std::optional<IoResult> {
    if (++writes != 10) return std::nullopt;
    std::vector<std::byte> bytes(from.begin(), from.end());
    switch (GetParam()) {
      case Damage::kFlip:
        bytes[bytes.size() / 2] ^= std::byte{1};
        break;
      case Damage::kDrop:
        bytes.pop_back();
        break;
      case Damage::kDouble:
        bytes.push_back(bytes.back());
        break;
    }
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    // Damaged only if the kernel took all of it; else the next write is damaged.
    if (n != static_cast<ssize_t>(bytes.size())) {
      --writes;
      if (n <= 0) return IoResult{IoStatus::kWouldBlock, 0, 0};
      return IoResult{IoStatus::kOk, static_cast<std::size_t>(n), 0};
    }
    return IoResult{IoStatus::kOk, from.size(), 0};
  };
  TestReactorOptions options;
  options.io = &io;
  TestReactor reactor(options);
  reactor.Start();
  EchoSwarm swarm({.port = reactor.port(), .clients = 20, .polite = true}, random);
  RunSwarm(swarm, [] {});
  reactor.Finish();
  EXPECT_GT(writes, 10U);
  EXPECT_EQ(swarm.errors().size(), 1U) << Lines(swarm.errors());
}

TEST(CanaryControlTest, TheSwarmIsContentWhenNothingIsDamaged) {
  Random random(TestSeed());
  TestReactor reactor;
  reactor.Start();
  EchoSwarm swarm({.port = reactor.port(), .clients = 20, .polite = true}, random);
  RunSwarm(swarm, [] {});
  reactor.Finish();
  EXPECT_EQ(Lines(swarm.errors()), "");
  EXPECT_EQ(reactor.closed(CloseReason::kPeerClosed), 20U);
}

}  // namespace
}  // namespace echogw
