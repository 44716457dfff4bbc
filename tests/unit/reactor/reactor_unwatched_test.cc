// Goal: a connection that the poller has no room for is kept, and served as soon as there is room.
// Method: epoll refuses a descriptor that is already in its set, so the test adds it first, without
// the reactor's knowledge, and removes it later.
#include <sys/epoll.h>

#include <filesystem>
#include <memory>
#include <set>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/descriptors.h"
#include "tests/support/hooked_socket_io.h"
#include "tests/support/manual_clock.h"
#include "tests/support/test_reactor.h"

namespace echogw {
namespace {

// The descriptors of this process that are epoll sets.
std::set<int> EpollSets() {
  std::set<int> out;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;  // the directory's own descriptor
    const std::string target = std::filesystem::read_symlink(entry, gone).string();
    if (target == "anon_inode:[eventpoll]") out.insert(std::stoi(entry.path().filename()));
  }
  return out;
}

class ReactorUnwatchedTest : public DescriptorTest {
 protected:
  void SetUp() override {
    DescriptorTest::SetUp();
    TestReactorOptions options;
    options.listen.send_buffer_bytes = 4096;
    options.reactor.buffer_bytes = 8192;
    options.io = &io_;
    io_.on_accept = [this](AcceptResult fd) { return fd >= 0 ? connection_fd_ = fd : fd; };
    source_ = std::make_unique<TestReactor>(options);
    const std::set<int> before = EpollSets();
    options.reactor.id = 1;
    options.deaf = true;
    options.clock = &clock_;
    target_ = std::make_unique<TestReactor>(options);
    for (const int fd : EpollSets()) {
      if (!before.contains(fd)) target_set_ = fd;
    }
    ASSERT_GE(target_set_, 0);

    client_ = source_->Connect({.receive_buffer_bytes = 4096, .segment_bytes = 1000});
    ASSERT_GE(connection_fd_, 0);
    epoll_event nothing{};
    nothing.data.u64 = UINT64_MAX;  // of no connection
    ASSERT_EQ(::epoll_ctl(target_set_, EPOLL_CTL_ADD, connection_fd_, &nothing), 0);
    source_->Post(MoveConnections{.id = 1, .targets = {&target_->mailbox()}});
    ASSERT_EQ(source_->TurnUntilReport(1)->connections_moved, 1U);
    ASSERT_TRUE(target_->TurnUntil([&] { return target_->counters().connections_active == 1; }));
  }
  void TearDown() override {
    client_.reset();
    target_.reset();
    source_.reset();
    DescriptorTest::TearDown();
  }

  void TurnTimes(int n) {
    for (int i = 0; i < n; ++i) {
      target_->Turn();
      clock_.Advance(kNanosPerSecond);
    }
  }

  void MakeRoom() {
    ASSERT_EQ(::epoll_ctl(target_set_, EPOLL_CTL_DEL, connection_fd_, nullptr), 0);
  }

  HookedSocketIo io_;
  ManualClock clock_;
  std::unique_ptr<TestReactor> source_;
  std::unique_ptr<TestReactor> target_;
  std::unique_ptr<TestClient> client_;
  int target_set_ = -1;
  int connection_fd_ = -1;
};

TEST_F(ReactorUnwatchedTest, IsServedWhenThereIsRoom) {
  client_->Send("patience");
  TurnTimes(5);
  EXPECT_EQ(target_->counters().connections_active, 1U);
  EXPECT_EQ(target_->counters().received_bytes, 0U);
  MakeRoom();
  clock_.Advance(kNanosPerSecond);
  client_->HalfClose();
  EXPECT_TRUE(target_->TurnUntil([&] {
    client_->Pump();
    return client_->end() == TestClient::End::kFin;
  }));
  EXPECT_EQ(client_->ReceiveToEnd(), "patience");
}

TEST_F(ReactorUnwatchedTest, BlockedByADrainItIsFlushedWhenThereIsRoom) {
  // The drain echoes the input without an event; the client takes only part of it.
  const std::string bytes = Pattern(100'000);
  client_->Send(bytes);
  target_->Post(
      CloseConnections{.id = 2, .hard_deadline = clock_.Now() + 1'000'000 * kNanosPerSecond});
  ASSERT_TRUE(target_->TurnUntil([&] { return target_->counters().pending_bytes > 0; }));
  MakeRoom();
  clock_.Advance(kNanosPerSecond);
  EXPECT_TRUE(target_->TurnUntil([&] {
    client_->Pump();
    return client_->end() == TestClient::End::kFin;
  })) << "stuck after "
      << client_->received().size();
  EXPECT_TRUE(client_->ReceiveToEnd() == bytes);
}

TEST_F(ReactorUnwatchedTest, MayMoveOnAndMayClose) {
  client_->Send("x");
  target_->Post(MoveConnections{.id = 2, .targets = {&source_->mailbox()}});
  EXPECT_EQ(target_->TurnUntilReport(2)->connections_moved, 1U);
  EXPECT_TRUE(source_->TurnUntil([&] {
    client_->Pump();
    return client_->received() == "x";
  }));
  TurnTimes(3);
  EXPECT_EQ(target_->counters().connections_active, 0U);
  MakeRoom();
}

}  // namespace
}  // namespace echogw
