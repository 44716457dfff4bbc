// Goal: no command and no report is lost or reordered, and no wake-up is missed.
#include "reactor/mailbox.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <thread>

#include "gtest/gtest.h"
#include "tests/support/descriptors.h"
#include "tests/support/wait_until.h"

namespace echogw {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

bool IsSignalled(const Mailbox& mailbox, int timeout_ms = 0) {
  pollfd p{mailbox.event_fd(), POLLIN, 0};
  return ::poll(&p, 1, timeout_ms) == 1;
}

Command Numbered(std::uint64_t id) { return SetAdmission{.id = id}; }

std::uint64_t NumberOf(const Command& command) { return std::get<SetAdmission>(command).id; }

class MailboxTest : public DescriptorTest {
 protected:
  void SetUp() override {
    DescriptorTest::SetUp();
    auto made = Mailbox::Create();
    ASSERT_TRUE(made.ok()) << made.status();
    mailbox_ = std::move(*made);
  }
  void TearDown() override {
    mailbox_.reset();
    DescriptorTest::TearDown();
  }

  std::unique_ptr<Mailbox> mailbox_;
};

TEST_F(MailboxTest, IsClosedUntilOpened) {
  EXPECT_FALSE(mailbox_->Post(Numbered(1)));
  mailbox_->Open();
  EXPECT_TRUE(mailbox_->Post(Numbered(2)));
  EXPECT_EQ(mailbox_->Take().size(), 1U);
}

TEST_F(MailboxTest, KeepsTheOrderAndWakesOnce) {
  mailbox_->Open();
  EXPECT_FALSE(IsSignalled(*mailbox_));
  for (std::uint64_t i = 0; i < 100; ++i) ASSERT_TRUE(mailbox_->Post(Numbered(i)));
  EXPECT_TRUE(IsSignalled(*mailbox_));
  const std::vector<Command> taken = mailbox_->Take();
  ASSERT_EQ(taken.size(), 100U);
  for (std::uint64_t i = 0; i < 100; ++i) EXPECT_EQ(NumberOf(taken[i]), i);
  EXPECT_FALSE(IsSignalled(*mailbox_));
  EXPECT_TRUE(mailbox_->Take().empty());
}

TEST_F(MailboxTest, RefusesWhenFullAndTheCommandStaysTheCallers) {
  mailbox_->Open();
  for (std::size_t i = 0; i < Mailbox::kCommandsMax; ++i) ASSERT_TRUE(mailbox_->Post(Numbered(i)));
  Connection connection;
  connection.fd = ::eventfd(0, EFD_CLOEXEC);
  AdoptConnections adopt;
  adopt.connections.emplace_back(connection);
  Command command = std::move(adopt);
  EXPECT_FALSE(mailbox_->Post(std::move(command)));
  auto& back = std::get<AdoptConnections>(command).connections;
  ASSERT_EQ(back.size(), 1U);
  EXPECT_EQ(back[0].peek().fd, connection.fd);
  EXPECT_EQ(mailbox_->Take().size(), Mailbox::kCommandsMax);
  EXPECT_TRUE(mailbox_->Post(Numbered(1)));
}

TEST_F(MailboxTest, CloseHandsBackWhatWaitsAndRefusesFromThenOn) {
  mailbox_->Open();
  ASSERT_TRUE(mailbox_->Post(Numbered(4)));
  ASSERT_TRUE(mailbox_->Post(Numbered(5)));
  const std::vector<Command> left = mailbox_->Close();
  ASSERT_EQ(left.size(), 2U);
  EXPECT_EQ(NumberOf(left[1]), 5U);
  EXPECT_FALSE(mailbox_->Post(Numbered(6)));
  EXPECT_TRUE(mailbox_->Take().empty());
  // The next reactor of the slot is woken as usual.
  mailbox_->Open();
  ASSERT_TRUE(mailbox_->Post(Numbered(7)));
  EXPECT_TRUE(IsSignalled(*mailbox_));
  EXPECT_EQ(mailbox_->Take().size(), 1U);
}

TEST_F(MailboxTest, MovedConnectionThatIsThrownAwayClosesAndFrees) {
  // The sanitizer sees the block, the descriptor count the socket.
  Connection connection;
  connection.fd = ::eventfd(0, EFD_CLOEXEC);
  connection.pending = new std::byte[64];
  connection.pending_end = 64;
  mailbox_->Open();
  AdoptConnections adopt;
  adopt.connections.emplace_back(connection);
  ASSERT_TRUE(mailbox_->Post(std::move(adopt)));
}

TEST_F(MailboxTest, MovedConnectionHasOneOwner) {
  Connection connection;
  connection.fd = ::eventfd(0, EFD_CLOEXEC);
  MovedConnection a(connection);
  MovedConnection b(std::move(a));
  EXPECT_EQ(b.peek().fd, connection.fd);
  Connection other;
  other.fd = ::eventfd(0, EFD_CLOEXEC);
  MovedConnection c(other);
  c = std::move(b);
  EXPECT_EQ(c.peek().fd, connection.fd);
  const UniqueFd mine(c.Take().fd);
  EXPECT_EQ(mine.get(), connection.fd);
  EXPECT_LT(c.peek().fd, 0);
}

// A reader that waits without a timeout stalls forever if one wake-up is lost.
TEST_F(MailboxTest, FourProducersAndNoLostWakeUp) {
  constexpr std::uint64_t kProducers = 4;
  constexpr std::uint64_t kEach = 20'000;
  mailbox_->Open();
  std::atomic<bool> give_up{false};
  std::array<std::thread, kProducers> producers;
  for (std::uint64_t p = 0; p < kProducers; ++p) {
    producers[p] = std::thread([this, p, &give_up] {
      for (std::uint64_t i = 0; i < kEach && !give_up;) {
        if (mailbox_->Post(Numbered(p << 32U | i))) {
          ++i;
        } else {
          std::this_thread::yield();  // full
        }
      }
    });
  }
  std::array<std::uint64_t, kProducers> next{};
  std::uint64_t taken = 0;
  while (taken < kProducers * kEach) {
    const auto limit = std::chrono::duration_cast<milliseconds>(kTestDeadline);
    if (!IsSignalled(*mailbox_, static_cast<int>(limit.count()))) {
      ADD_FAILURE() << "stalled after " << taken;
      break;
    }
    for (const Command& command : mailbox_->Take()) {
      const std::uint64_t producer = NumberOf(command) >> 32U;
      EXPECT_EQ(NumberOf(command) & UINT32_MAX, next[producer]++);
      ++taken;
    }
  }
  give_up = true;
  for (std::thread& producer : producers) producer.join();
  EXPECT_EQ(taken, kProducers * kEach);
}

TEST(ReportsTest, GivesAllReportsInOrder) {
  Reports reports;
  EXPECT_TRUE(reports.WaitFor(nanoseconds(0)).empty());
  for (std::uint64_t i = 0; i < 10; ++i) reports.Push({.id = i});
  const std::vector<Report> taken = reports.WaitFor(nanoseconds(0));
  ASSERT_EQ(taken.size(), 10U);
  for (std::uint64_t i = 0; i < 10; ++i) EXPECT_EQ(taken[i].id, i);
  EXPECT_TRUE(reports.WaitFor(nanoseconds(0)).empty());
}

TEST(ReportsTest, AWaitingReaderIsWokenByAReport) {
  Reports reports;
  std::thread pusher([&] { reports.Push({.id = 42}); });
  const std::vector<Report> taken = reports.WaitFor(kTestDeadline);
  pusher.join();
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].id, 42U);
}

TEST(ReportsTest, InterruptEndsTheWaitOnce) {
  Reports reports;
  reports.Interrupt();
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_TRUE(reports.WaitFor(kTestDeadline).empty());
  EXPECT_LT(std::chrono::steady_clock::now() - begun, kTestDeadline / 2);
  EXPECT_TRUE(reports.WaitFor(milliseconds(1)).empty()) << "the second wait times out";
}

}  // namespace
}  // namespace echogw
