// Goal: what io_uring adds to the promises of every poller: it says why it is not there, runs out
// of buffers without harm, and loses nothing of what it has received ahead. Method: reactors on
// loopback, stepped; a system call filter on a thread of its own.
#include "reactor/uring/uring_engine.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/reactor/reactor_test_base.h"

namespace echogw {
namespace {

// What Available() and Create() say where io_uring_setup fails with `error`.
std::pair<absl::Status, absl::Status> StatusWhereSetupFails(std::uint32_t error) {
  std::pair<absl::Status, absl::Status> out;
  // The filter stays with the thread that sets it, and ends with it.
  std::thread([&] {
    std::array<sock_filter, 4> program{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    const sock_fprog filter{.len = program.size(), .filter = program.data()};
    ASSERT_EQ(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ASSERT_EQ(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
    KernelSocketIo io;
    Counters counters;
    out = {
        UringEngine::Available(),
        Poller::Create(PollerKind::kIoUring, {.io = io, .counters = counters, .buffer_bytes = 4096})
            .status()};
  }).join();
  return out;
}

TEST(UringBlockedTest, SaysWhyItIsNotThere) {
  struct Case {
    std::uint32_t error;
    const char* says;
  };
  for (const Case& c :
       {Case{EPERM, "io_uring is blocked (EPERM)"},
        Case{ENOSYS, "blocked by a container's seccomp profile, or not in the kernel"},
        Case{EINVAL, "older than Linux 6.1"}}) {
    const auto [available, created] = StatusWhereSetupFails(c.error);
    EXPECT_NE(available.message().find(c.says), std::string::npos) << available;
    EXPECT_EQ(created, available);
  }
}

class UringEngineTest : public DescriptorTest {
 protected:
  void SetUp() override {
    DescriptorTest::SetUp();
    if (const absl::Status status = UringEngine::Available(); !status.ok()) {
      GTEST_SKIP() << status.message();
    }
  }

  [[nodiscard]] static TestReactorOptions Options() {
    TestReactorOptions options;
    options.reactor.poller = PollerKind::kIoUring;
    return options;
  }
};

// More connections speak than there are buffers, and the loop takes them one a turn.
TEST_F(UringEngineTest, OutOfBuffersTheyAreServedAllTheSame) {
  TestReactorOptions options = Options();
  options.reactor.buffer_bytes = std::size_t{256} * 1024;  // 64 of them
  options.reactor.events_max = 1;
  TestReactor reactor(options);
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 200; ++i) clients.push_back(reactor.Connect());
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < clients.size(); ++i) clients[i]->Send(std::to_string(i));
    for (std::size_t i = 0; i < clients.size(); ++i) {
      const std::string text = std::to_string(i);
      ASSERT_TRUE(reactor.TurnUntil([&] {
        clients[i]->Pump();
        return clients[i]->received().size() >= text.size();
      })) << "client "
          << i;
      EXPECT_EQ(clients[i]->Receive(text.size()), text);
    }
  }
}

TEST_F(UringEngineTest, ClientsThatDoNotReadOccupyNoBuffers) {
  TestReactorOptions options = Options();
  options.reactor.buffer_bytes = std::size_t{256} * 1024;  // 64 of them
  options.listen.send_buffer_bytes = 4096;
  options.listen.receive_buffer_bytes = 4096;
  TestReactor reactor(options);
  std::vector<std::unique_ptr<TestClient>> deaf;
  std::vector<std::size_t> sent(100, 0);
  const std::string bytes = Pattern(200'000);
  for (std::size_t i = 0; i < sent.size(); ++i) {
    deaf.push_back(reactor.Connect({.receive_buffer_bytes = 4096, .segment_bytes = 1000}));
    for (int quiet = 0; quiet < 5;) {
      const std::size_t n = deaf[i]->SendSome(std::string_view(bytes).substr(sent[i]));
      sent[i] += n;
      quiet = n == 0 ? quiet + 1 : 0;
      reactor.Turn(kNanosPerMilli);
    }
  }
  EXPECT_GT(reactor.counters().pending_bytes, 0U);
  const auto other = reactor.Connect();
  EXPECT_EQ(reactor.Echo(*other, "undisturbed"), "undisturbed");
  for (std::size_t i = 0; i < deaf.size(); ++i) {
    deaf[i]->HalfClose();
    EXPECT_TRUE(reactor.TurnUntil([&] {
      deaf[i]->Pump();
      return deaf[i]->end() != TestClient::End::kOpen;
    }));
    EXPECT_TRUE(deaf[i]->ReceiveToEnd() == bytes.substr(0, sent[i])) << "client " << i;
  }
}

// The move begins while bytes of most connections are received and not yet read.
TEST_F(UringEngineTest, PrefetchedBytesMoveAlong) {
  for (const Transform transform : {Transform::kNone, Transform::kUpper}) {
    TestReactorOptions options = Options();
    options.reactor.transform = transform;
    options.reactor.events_max = 1;
    TestReactor a(options);
    options.reactor.id = 1;
    options.deaf = true;
    TestReactor b(options);
    std::vector<std::unique_ptr<TestClient>> clients;
    for (int i = 0; i < 10; ++i) clients.push_back(a.Connect());
    a.Post(MoveConnections{.id = 1, .targets = {&b.mailbox()}});
    for (const auto& client : clients) {
      client->Send("one ");
      client->Send("two");
      client->HalfClose();
    }
    // Those that were read before the mail ended here, two at the most.
    const std::uint64_t moved = a.TurnUntilReport(1)->connections_moved;
    EXPECT_GE(moved, 8U);
    EXPECT_GT(a.counters().received_bytes, 7 * (10 - moved)) << "nothing was prefetched";
    for (const auto& client : clients) {
      ASSERT_TRUE(TurnAllUntil({&a, &b}, [&] {
        client->Pump();
        return client->end() != TestClient::End::kOpen;
      }));
      EXPECT_EQ(client->ReceiveToEnd(), transform == Transform::kNone ? "one two" : "ONE TWO");
      EXPECT_EQ(client->end(), TestClient::End::kFin);
    }
    EXPECT_EQ(a.counters().received_bytes + b.counters().received_bytes, 70U);
    EXPECT_EQ(a.counters().sent_bytes + b.counters().sent_bytes, 70U);
    for (TestReactor* r : {&a, &b}) ExpectBalanced(r->counters());
  }
}

// The client takes bytes again before the reactor, whose batch was full, is told what is unsent.
TEST_F(UringEngineTest, NothingOvertakesWhatIsUnsent) {
  KernelSocketIo kernel;
  Counters counters;
  auto engine = Poller::Create(PollerKind::kIoUring,
                               {.io = kernel, .counters = counters, .buffer_bytes = 65536});
  ASSERT_TRUE(engine.ok());
  Poller& poller = **engine;
  PrefetchEngine& io = *poller.engine();
  std::array<std::array<int, 2>, 3> pairs{};
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pairs[i].data()), 0);
    ASSERT_EQ(poller.Add(pairs[i][0], i + 1, kInterestRead, true), 0);
  }
  const auto& [slow, first, second] = pairs;
  std::array<epoll_event, 8> events{};
  const auto wait = [&](std::size_t most) { return poller.Wait(std::span(events).first(most), 0); };
  for (const auto& other : {first, second}) ASSERT_EQ(::write(other[1], "x", 1), 1);
  const std::string chunk = Pattern(50'000);
  std::vector<std::byte> scratch(65536);
  bool blocked = false;
  for (int i = 0; i < 100 && !blocked; ++i) {
    ASSERT_EQ(::write(slow[1], chunk.data(), chunk.size()), static_cast<ssize_t>(chunk.size()));
    while (wait(events.size()) != 0) {
    }
    std::span<std::byte> buffer(scratch);
    ASSERT_EQ(io.Read(slow[0], buffer).status, IoStatus::kOk);
    ASSERT_EQ(io.Write(slow[0], buffer).status, IoStatus::kQueued);
    ASSERT_EQ(::write(slow[1], "!", 1), 1);
    // Both are told of again, and before the other.
    for (std::uint64_t j = 1; j < 3; ++j) {
      ASSERT_EQ(poller.SetInterest(pairs[j][0], j + 1, kInterestRead, true), 0);
    }
    ASSERT_EQ(wait(1), 1U);
    blocked = !io.Flush(slow[0]);
    if (blocked) break;
    buffer = std::span(scratch);
    ASSERT_EQ(io.Read(slow[0], buffer).bytes, 1U);
  }
  ASSERT_TRUE(blocked);
  while (::read(slow[1], scratch.data(), scratch.size()) > 0) {
  }
  ASSERT_EQ(wait(1), 1U);
  EXPECT_EQ(events[0].data.u64, 3U);
  std::span<std::byte> buffer(scratch);
  EXPECT_EQ(io.Read(slow[0], buffer).status, IoStatus::kWouldBlock);
  EXPECT_EQ(io.Write(slow[0], std::span(scratch).first(1)).status, IoStatus::kWouldBlock);
  ASSERT_EQ(poller.SetInterest(slow[0], 1, kInterestRead | kInterestWrite, true), 0);
  ASSERT_EQ(wait(1), 1U);
  EXPECT_EQ(events[0].data.u64, 1U);
  EXPECT_NE(events[0].events & kEventPrefetched, 0U);
  EXPECT_TRUE(io.TakePrefetched(slow[0]).unsent);
  EXPECT_EQ(io.TakePrefetched(slow[0]).bytes.size(), 1U);
  EXPECT_TRUE(io.TakePrefetched(slow[0]).bytes.empty());
  for (const auto& pair : pairs) {
    poller.Closing(pair[0]);
    for (const int fd : pair) ::close(fd);
  }
}

// A drain echoes all that has come, also what the engine has not received yet.
TEST_F(UringEngineTest, ADrainEchoesAllThatHasCome) {
  TestReactorOptions options = Options();
  options.reactor.buffer_bytes = 1024;
  options.reactor.turn_bytes = std::size_t{1} << 20U;
  TestReactor reactor(options);
  const auto client = reactor.Connect();
  const std::string bytes = Pattern(100'000);
  client->Send(bytes);
  reactor.Post(CloseConnections{.id = 1, .hard_deadline = kNever});
  EXPECT_TRUE(reactor.TurnUntil([&] {
    client->Pump();
    return client->end() == TestClient::End::kFin;
  }));
  EXPECT_TRUE(client->ReceiveToEnd() == bytes);
  client->Close();
  EXPECT_EQ(reactor.TurnUntilReport(1)->connections_closed, 1U);
}

}  // namespace
}  // namespace echogw
