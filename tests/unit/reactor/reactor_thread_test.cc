// Goal: the thread of a reactor has its name and its CPU, and errors are reported before it runs.
#include "reactor/reactor_thread.h"

#include <sched.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/descriptors.h"
#include "tests/support/test_reactor.h"
#include "tests/support/wait_until.h"

namespace echogw {
namespace {

// Name to id of every thread of this process.
std::map<std::string, pid_t> Threads() {
  std::map<std::string, pid_t> out;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream comm(task.path() / "comm");
    std::string name;
    std::getline(comm, name);
    out[name] = static_cast<pid_t>(std::stol(task.path().filename()));
  }
  return out;
}

// A reactor that is not running yet, with its dependencies.
class ReactorThreadTest : public DescriptorTest {
 protected:
  void SetUp() override {
    DescriptorTest::SetUp();
    auto mailbox = Mailbox::Create();
    ASSERT_TRUE(mailbox.ok());
    mailbox_ = std::move(*mailbox);
    mailbox_->Open();
    auto reactor = Reactor::Create({.id = 9}, {.counters = counters_,
                                               .mailbox = *mailbox_,
                                               .reports = reports_,
                                               .events = events_,
                                               .limiter = limiter_,
                                               .io = io_,
                                               .clock = clock_,
                                               .log = log_});
    ASSERT_TRUE(reactor.ok()) << reactor.status();
    reactor_ = std::move(*reactor);
  }
  void TearDown() override {
    reactor_.reset();
    mailbox_.reset();
    DescriptorTest::TearDown();
  }

  KernelSocketIo io_;
  SystemClock clock_;
  RecordingLog log_;
  Counters counters_;
  Reports reports_;
  EventRing events_;
  ConnectionLimiter limiter_;
  std::unique_ptr<Mailbox> mailbox_;
  std::unique_ptr<Reactor> reactor_;
};

TEST_F(ReactorThreadTest, HasItsNameAndItsCpuAndEndsWithStop) {
  cpu_set_t ours;
  ASSERT_EQ(::sched_getaffinity(0, sizeof(ours), &ours), 0);
  int cpu = 0;
  while (!CPU_ISSET(static_cast<std::size_t>(cpu), &ours)) ++cpu;

  auto thread = ReactorThread::Start(*reactor_, 9, cpu);
  ASSERT_TRUE(thread.ok()) << thread.status();
  EXPECT_TRUE(WaitUntil([] { return Threads().contains("reactor-9"); }));
  cpu_set_t its;
  ASSERT_EQ(::sched_getaffinity(Threads()["reactor-9"], sizeof(its), &its), 0);
  EXPECT_EQ(CPU_COUNT(&its), 1);
  EXPECT_TRUE(CPU_ISSET(static_cast<std::size_t>(cpu), &its));

  ASSERT_TRUE(mailbox_->Post(Stop{}));
  (*thread)->Join();
  EXPECT_FALSE(mailbox_->Post(Stop{})) << "a stopped reactor accepts no commands";
}

TEST_F(ReactorThreadTest, UnpinnedMayRunWhereItsMakerMay) {
  auto thread = ReactorThread::Start(*reactor_, 9, -1);
  ASSERT_TRUE(thread.ok()) << thread.status();
  ASSERT_TRUE(WaitUntil([] { return Threads().contains("reactor-9"); }));
  cpu_set_t its;
  cpu_set_t ours;
  ASSERT_EQ(::sched_getaffinity(Threads()["reactor-9"], sizeof(its), &its), 0);
  ASSERT_EQ(::sched_getaffinity(0, sizeof(ours), &ours), 0);
  EXPECT_TRUE(CPU_EQUAL(&its, &ours));
  ASSERT_TRUE(mailbox_->Post(Stop{}));
  (*thread)->Join();
}

TEST_F(ReactorThreadTest, BadCpuIsAnErrorThatNamesIt) {
  for (const int cpu : {CPU_SETSIZE - 1, CPU_SETSIZE, 1'000'000}) {
    const auto thread = ReactorThread::Start(*reactor_, 9, cpu);
    EXPECT_TRUE(absl::IsInvalidArgument(thread.status())) << thread.status();
    EXPECT_NE(thread.status().message().find("reactor 9 on CPU " + std::to_string(cpu)),
              std::string::npos);
  }
}

}  // namespace
}  // namespace echogw
