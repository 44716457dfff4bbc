// Goal: the service manager is told the truth, and what it passes is taken only if it is of use.
// Method: a datagram socket of the test's as the manager, real sockets as what it passes, and a
// control whose reactors answer or do not.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "reactor/net/inherited_listener.h"
#include "server/systemd/service_link.h"
#include "server/systemd/service_notifier.h"
#include "server/systemd/socket_activation.h"
#include "tests/support/receive.h"
#include "tests/unit/server/admin/fake_connection_control.h"
#include "tests/unit/server/admin/fake_control.h"
#include "tests/unit/server/temp_dir.h"
#include "tests/unit/server/test_support.h"

namespace echogw::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Manager {
 public:
  Manager() : path_(folder_.path() + "/notify"), fd_(::socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(static_cast<char*>(at.sun_path), path_.data(), path_.size());
    EXPECT_EQ(
        ::bind(fd_.get(), static_cast<const sockaddr*>(static_cast<const void*>(&at)), sizeof(at)),
        0);
    const timeval patience{20, 0};
    EXPECT_EQ(::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
  }

  [[nodiscard]] const std::string& path() const { return path_; }
  // Waits for the next message; empty if none comes.
  [[nodiscard]] std::string Next() const { return Message(0); }
  // Empty if none is there.
  [[nodiscard]] std::string Waiting() const { return Message(MSG_DONTWAIT); }

 private:
  [[nodiscard]] std::string Message(int flags) const {
    std::array<char, 512> text{};
    const ssize_t size = Receive(fd_.get(), text.data(), text.size(), flags);
    return size < 0 ? "" : std::string(text.data(), static_cast<std::size_t>(size));
  }

  TempDir folder_;
  std::string path_;
  UniqueFd fd_;
};

TEST(ServiceNotifierTest, SaysWhatHappens) {
  const Manager manager;
  const auto notifier = ServiceNotifier::Create({.socket = manager.path()});
  ASSERT_TRUE(notifier.ok()) << notifier.status();
  EXPECT_TRUE(notifier->Ready("Serving").ok());
  EXPECT_EQ(manager.Next(), "READY=1\nSTATUS=Serving");
  EXPECT_TRUE(notifier->Status("Quiet").ok());
  EXPECT_EQ(manager.Next(), "STATUS=Quiet");
  EXPECT_TRUE(notifier->Stopping("Bye", seconds(2)).ok());
  EXPECT_EQ(manager.Next(), "STOPPING=1\nEXTEND_TIMEOUT_USEC=2000000\nSTATUS=Bye");
  EXPECT_TRUE(notifier->Alive().ok());
  EXPECT_EQ(manager.Next(), "WATCHDOG=1");
}

TEST(ServiceNotifierTest, NobodyWantsToKnow) {
  const auto notifier = ServiceNotifier::Create({.watchdog_usec = "1000"});
  ASSERT_TRUE(notifier.ok());
  EXPECT_TRUE(notifier->Ready("Serving").ok());
  EXPECT_FALSE(notifier->watchdog_interval());
}

TEST(ServiceNotifierTest, RefusesWhatMakesNoSense) {
  for (const std::string& address :
       {std::string("notify"), std::string("@"), std::string("/"), "/" + std::string(200, 'x')}) {
    EXPECT_FALSE(ServiceNotifier::Create({.socket = address}).ok()) << address;
  }
  for (const char* time : {"x", "-5", "0", "1"}) {
    EXPECT_FALSE(ServiceNotifier::Create({.socket = "/run/x", .watchdog_usec = time}).ok()) << time;
  }
}

TEST(ServiceNotifierTest, BeatsTwiceInTheTimeThatTheManagerWaits) {
  NotifyVariables variables{.socket = "/run/x", .watchdog_usec = "3000000"};
  EXPECT_EQ(ServiceNotifier::Create(variables)->watchdog_interval(), milliseconds(1500));
  variables.watchdog_pid = std::to_string(::getpid());
  EXPECT_EQ(ServiceNotifier::Create(variables)->watchdog_interval(), milliseconds(1500));
  variables.watchdog_pid = std::to_string(::getpid() + 1);
  EXPECT_EQ(ServiceNotifier::Create(variables)->watchdog_interval(), std::nullopt);
}

class ServiceLinkTest : public ::testing::Test {
 protected:
  ServiceLinkTest() {
    GatewayStats stats;
    stats.reactors.resize(2);
    stats.reactors[1].id = 1;
    stats.reactors[0].state = ReactorState::kParked;
    stats.reactors[1].state = ReactorState::kServing;
    control_.set_stats(stats);
  }

  NotifyVariables Variables(const char* watchdog) const {
    return {.socket = manager_.path(), .watchdog_usec = watchdog};
  }

  const Manager manager_;
  FakeControl control_;
  FakeConnectionControl connections_;
  RecordingLog log_;
  TimerThread timers_;
};

TEST_F(ServiceLinkTest, IsSilentBeforeItIsReady) {
  ServiceLink link(Variables(""), control_, connections_, timers_, log_);
  link.Status("early");
  EXPECT_EQ(manager_.Waiting(), "");
  link.Ready("Serving");
  EXPECT_EQ(manager_.Next(), "READY=1\nSTATUS=Serving");
}

TEST_F(ServiceLinkTest, BeatsWhileReactorsAnswer) {
  ServiceLink link(Variables("2000"), control_, connections_, timers_, log_);
  link.Ready("Serving");
  EXPECT_EQ(manager_.Next(), "READY=1\nSTATUS=Serving");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(manager_.Next(), "WATCHDOG=1");
  // The one that runs was asked; the parked one has nobody who could answer.
  EXPECT_EQ(connections_.pinged(), std::set<std::uint32_t>{1});
  EXPECT_FALSE(connections_.query()) << "nothing was listed for it";
  link.EndBeats();
}

TEST_F(ServiceLinkTest, IsSilentWhenAReactorDoesNotAnswer) {
  connections_.set_failure(absl::DeadlineExceededError("reactor 1 does not answer"));
  ServiceLink link(Variables("2000"), control_, connections_, timers_, log_);
  link.Ready("Serving");
  EXPECT_EQ(manager_.Next(), "READY=1\nSTATUS=Serving");
  ASSERT_TRUE(Eventually([this] { return log_.lines().size() >= 3; }));
  link.EndBeats();
  EXPECT_NE(log_.lines()[0].find("reactor 1 does not answer"), std::string::npos);
  EXPECT_EQ(manager_.Waiting(), "");
}

TEST_F(ServiceLinkTest, SaysOnceThatNobodyListens) {
  ServiceLink link({.socket = "/nonexistent/notify"}, control_, connections_, timers_, log_);
  link.Ready("Serving");
  link.Status("Quiet");
  ASSERT_EQ(log_.lines().size(), 1U);
  EXPECT_NE(log_.lines()[0].find("/nonexistent/notify"), std::string::npos);
}

// ---- passed sockets ----

// Two descriptors in a row, as a manager passes them; far from those that the test itself opens.
constexpr int kFirst = 200;

class PassedListenersTest : public ::testing::Test {
 protected:
  ~PassedListenersTest() override {
    for (int fd = kFirst; fd < kFirst + 2; ++fd) ::close(fd);
  }

  static void Pass(int place, int family, int type, bool reuse_port, bool listen) {
    const UniqueFd fd(::socket(family, type, 0));
    const int on = 1;
    if (reuse_port) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (family == AF_INET) {
      EXPECT_EQ(
          ::bind(fd.get(), static_cast<const sockaddr*>(static_cast<const void*>(&at)), sizeof(at)),
          0);
    }
    if (listen) {
      EXPECT_EQ(::listen(fd.get(), 8), 0);
    }
    EXPECT_EQ(::dup2(fd.get(), kFirst + place), kFirst + place);
  }

  static absl::StatusOr<std::vector<InheritedListener>> Take(const std::string& count,
                                                             const std::string& names = "") {
    return PassedListeners({std::to_string(::getpid()), count, names}, ::getpid(), kFirst);
  }

  static std::string Fault(const std::string& count, const std::string& names = "") {
    const auto taken = Take(count, names);
    return taken.ok() ? "" : std::string(taken.status().message());
  }
};

TEST_F(PassedListenersTest, AreTakenInOrder) {
  Pass(0, AF_INET, SOCK_STREAM, true, true);
  Pass(1, AF_INET, SOCK_STREAM, true, true);
  const auto taken = Take("2");
  ASSERT_TRUE(taken.ok()) << taken.status();
  ASSERT_EQ(taken->size(), 2U);
  for (int i = 0; i < 2; ++i) {
    const InheritedListener& listener = (*taken)[static_cast<std::size_t>(i)];
    EXPECT_EQ(listener.fd, kFirst + i);
    EXPECT_EQ(listener.address.host, "127.0.0.1");
    EXPECT_NE(listener.address.port, 0);
    EXPECT_TRUE(listener.joinable);
    EXPECT_EQ(::fcntl(listener.fd, F_GETFD), FD_CLOEXEC);
  }
}

TEST_F(PassedListenersTest, AdoptionLeavesTheOriginalOpen) {
  Pass(0, AF_INET, SOCK_STREAM, true, true);
  const auto taken = Take("1");
  ASSERT_TRUE(taken.ok()) << taken.status();
  {
    const auto adopted = AdoptListener(taken->front(), {});
    ASSERT_TRUE(adopted.ok()) << adopted.status();
    EXPECT_NE(adopted->get(), kFirst);
    EXPECT_NE(::fcntl(adopted->get(), F_GETFL) & O_NONBLOCK, 0);
  }
  EXPECT_TRUE(InspectListener(kFirst).ok());
}

TEST_F(PassedListenersTest, ForAnotherProcessAreNotOurs) {
  for (const std::string& pid : {std::string(), std::string("x"), std::to_string(::getpid() + 1)}) {
    const auto taken = PassedListeners({pid, "2", ""}, ::getpid(), kFirst);
    ASSERT_TRUE(taken.ok()) << pid;
    EXPECT_TRUE(taken->empty()) << pid;
  }
}

TEST_F(PassedListenersTest, CountMustBeANumber) {
  for (const char* count : {"", "x", "-1", "257"}) {
    EXPECT_NE(Fault(count).find("LISTEN_FDS"), std::string::npos) << count;
  }
  EXPECT_TRUE(Take("0")->empty());
}

TEST_F(PassedListenersTest, WhatCannotBeEchoedOnIsNamed) {
  EXPECT_EQ(Fault("1"), "the passed descriptor 200 is no socket");
  Pass(0, AF_INET, SOCK_DGRAM, true, false);
  EXPECT_EQ(Fault("1", "data"), "the passed descriptor 200 (data) is no TCP socket");
  Pass(0, AF_UNIX, SOCK_STREAM, false, false);
  EXPECT_EQ(Fault("1"), "the passed descriptor 200 is no TCP socket");
  Pass(0, AF_INET, SOCK_STREAM, true, false);
  EXPECT_NE(Fault("1").find("does not listen"), std::string::npos);
  Pass(0, AF_INET, SOCK_STREAM, false, true);
  EXPECT_NE(Fault("1").find("lacks SO_REUSEPORT"), std::string::npos);
  Pass(0, AF_INET, SOCK_STREAM, true, true);
  EXPECT_EQ(Fault("2", "data:more"), "the passed descriptor 201 (more) is no socket");
}

}  // namespace
}  // namespace echogw::server
