// Goal: the binary behaves as a citizen of a shell: signals, closed pipes, full disks. Method: run
// it as a process against the fake gateway.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "tests/unit/ctl/fake_gateway.h"

extern char** environ;

namespace echogw::ctl {
namespace {

using testing::StartsWith;

// echogwctl with its output and its errors on pipes.
class Process {
 public:
  explicit Process(std::vector<std::string> arguments, const char* out_path = nullptr) {
    arguments.insert(arguments.begin(), ECHOGWCTL);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    std::array<int, 2> out{};
    std::array<int, 2> err{};
    EXPECT_EQ(pipe2(out.data(), O_CLOEXEC), 0);
    EXPECT_EQ(pipe2(err.data(), O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    if (out_path != nullptr) {
      posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out_path, O_WRONLY, 0);
    } else {
      posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    }
    posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
    EXPECT_EQ(posix_spawn(&pid_, ECHOGWCTL, &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    close(err[1]);
    out_ = out[0];
    err_ = err[0];
  }
  ~Process() {
    CloseOut();
    close(err_);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // Blocks until the process has written something.
  std::string ReadSome() const {
    std::array<char, 4096> buffer{};
    const ssize_t count = read(out_, buffer.data(), buffer.size());
    return {buffer.data(), static_cast<std::size_t>(count > 0 ? count : 0)};
  }
  std::string ReadErrors() const {
    std::string all;
    std::array<char, 4096> buffer{};
    for (ssize_t count = 0; (count = read(err_, buffer.data(), buffer.size())) > 0;) {
      all.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return all;
  }
  void CloseOut() {
    if (out_ >= 0) close(out_);
    out_ = -1;
  }
  void Signal(int number) const { EXPECT_EQ(kill(pid_, number), 0); }
  // The wait status.
  int Wait() const {
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    return status;
  }

 private:
  pid_t pid_ = -1;
  int out_ = -1;
  int err_ = -1;
};

void ExpectExit(int status, int code) {
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), code);
}

TEST(ProcessTest, SigintEndsAWatchWithZero) {
  FakeGateway gateway;
  gateway.stats = SampleStats();
  Process process({"--target", gateway.target(), "stats", "--watch", "1h"});
  EXPECT_THAT(process.ReadSome(), StartsWith("Gateway "));
  process.Signal(SIGINT);
  ExpectExit(process.Wait(), 0);
  EXPECT_EQ(process.ReadErrors(), "");
}

TEST(ProcessTest, SigintEndsAnOrdinaryCallBySignal) {
  FakeGateway gateway;
  gateway.operation = SampleOperation(admin::v1::OPERATION_RESULT_RUNNING);
  gateway.script.hang = true;
  Process process({"--target", gateway.target(), "--timeout", "1h", "resize", "2"});
  // The call has arrived once the fake has it on record.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (gateway.requests().resize.empty() && std::chrono::steady_clock::now() < end) usleep(1000);
  EXPECT_EQ(gateway.requests().resize.size(), 1U);
  process.Signal(SIGINT);
  const int status = process.Wait();
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGINT);
}

TEST(ProcessTest, AClosedPipeEndsAWatchQuietly) {
  FakeGateway gateway;
  gateway.stats = SampleStats();
  Process process({"--target", gateway.target(), "stats", "--watch", "10ms"});
  EXPECT_THAT(process.ReadSome(), StartsWith("Gateway "));
  process.CloseOut();
  ExpectExit(process.Wait(), 0);
  EXPECT_EQ(process.ReadErrors(), "");
}

TEST(ProcessTest, AFullDiskIsAnError) {
  FakeGateway gateway;
  gateway.stats = SampleStats();
  for (const std::vector<std::string>& verb :
       {std::vector<std::string>{"stats"}, {"stats", "--watch", "10ms"}, {"--help"}}) {
    std::vector<std::string> arguments = {"--target", gateway.target()};
    arguments.insert(arguments.end(), verb.begin(), verb.end());
    Process process(arguments, "/dev/full");
    ExpectExit(process.Wait(), 1);
    EXPECT_EQ(process.ReadErrors(), "echogwctl: cannot write the output; is the disk full?\n");
  }
}

TEST(ProcessTest, GrpcAddsNoLinesOfItsOwn) {
  Process process({"--target", "unix:/nonexistent/admin.sock", "health"});
  ExpectExit(process.Wait(), 3);
  EXPECT_EQ(process.ReadErrors(),
            "echogwctl: cannot reach unix:/nonexistent/admin.sock (no such file or directory); is "
            "echogw running with --admin there?\n");
}

}  // namespace
}  // namespace echogw::ctl
