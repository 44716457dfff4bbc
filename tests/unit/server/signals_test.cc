// Goal: the first signal requests a stop, the second ends the process with its code, and others do
// nothing. Method: signals are sent to child processes, because a signal concerns a whole process.
#include "server/signals.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>
#include <string>

#include "gtest/gtest.h"
#include "reactor/base/unique_fd.h"

namespace echogw::server {
namespace {

// A child that runs `body` with the writing end of a pipe, and what it wrote.
class Child {
 public:
  explicit Child(const std::function<void(int)>& body) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe(ends.data()), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(ends[0]);
      body(ends[1]);
      ::_exit(0);
    }
    ::close(ends[1]);
    out_.Reset(ends[0]);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }

  void Signal(int number) const { EXPECT_EQ(::kill(pid_, number), 0); }
  // The next byte it wrote; 0 at its end.
  [[nodiscard]] char Next() const {
    char c = 0;
    return ::read(out_.get(), &c, 1) == 1 ? c : '\0';
  }
  // Waits for its end. The code, or minus the signal that ended it.
  [[nodiscard]] int Wait() {
    int status = 0;
    EXPECT_EQ(::waitpid(pid_, &status, 0), pid_);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  pid_t pid_ = 0;
  UniqueFd out_;
};

void Put(int fd, char c) { static_cast<void>(!::write(fd, &c, 1)); }

// Says 'r' when it is ready and 't' or 'i' for the signal that asks it to stop, then goes on.
void NeverStops(int out) {
  BlockSignals();
  const SignalThread signals([out](int number) { Put(out, number == SIGTERM ? 't' : 'i'); },
                             [out] { Put(out, 'h'); });
  Put(out, 'r');
  for (;;) ::pause();
}

TEST(Signals, TheFirstAsksForAStopTheSecondEndsAtOnce) {
  for (const int second : {SIGTERM, SIGINT}) {
    Child child(NeverStops);
    ASSERT_EQ(child.Next(), 'r');
    child.Signal(SIGTERM);
    ASSERT_EQ(child.Next(), 't');
    child.Signal(second);
    EXPECT_EQ(child.Wait(), 128 + second);
  }
}

TEST(Signals, SigintAsksForAStopToo) {
  Child child(NeverStops);
  ASSERT_EQ(child.Next(), 'r');
  child.Signal(SIGINT);
  EXPECT_EQ(child.Next(), 'i');
}

TEST(Signals, OthersDoNothing) {
  Child child(NeverStops);
  ASSERT_EQ(child.Next(), 'r');
  for (const int number : {SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR,
                           SIGSTKFLT, SIGCHLD, SIGXFSZ, SIGRTMIN, SIGRTMIN + 1, SIGRTMAX}) {
    child.Signal(number);
  }
  child.Signal(SIGTERM);
  EXPECT_EQ(child.Next(), 't');
}

TEST(Signals, EveryHangupIsReported) {
  Child child(NeverStops);
  ASSERT_EQ(child.Next(), 'r');
  for (int i = 0; i < 2; ++i) {
    child.Signal(SIGHUP);
    EXPECT_EQ(child.Next(), 'h');
  }
  child.Signal(SIGTERM);
  EXPECT_EQ(child.Next(), 't') << "a hangup is no stop";
}

// As PID 1 of a container, which inherits the orphans of others.
TEST(Signals, OrphansLeaveNoZombies) {
  Child child([](int out) {
    const pid_t before = ::fork();
    if (before == 0) ::_exit(0);
    siginfo_t ended{};
    ::waitid(P_PID, static_cast<id_t>(before), &ended, WEXITED | WNOWAIT);
    BlockSignals();
    const pid_t after = ::fork();
    if (after == 0) ::_exit(0);
    // Waits until no child is left; only a zombie would be returned.
    Put(out, ::waitpid(-1, nullptr, 0) == -1 && errno == ECHILD ? 'd' : 'z');
  });
  EXPECT_EQ(child.Next(), 'd');
}

TEST(Signals, TheThreadEndsWithItsOwner) {
  Child child([](int out) {
    BlockSignals();
    {
      const SignalThread signals([](int) {}, [out] { Put(out, 'h'); });
    }
    Put(out, 'd');
  });
  EXPECT_EQ(child.Next(), 'd');
  EXPECT_EQ(child.Wait(), 0);
}

}  // namespace
}  // namespace echogw::server
