// Goal: what goes wrong between echogwctl and a gateway ends with the documented exit code and one
// line, in every output format.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/ctl/cli_run.h"
#include "tests/unit/ctl/fake_gateway.h"

namespace echogw::ctl {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// Every verb that calls the gateway, with a command line that is valid.
std::vector<std::vector<std::string>> AllCalls() {
  return {{"stats"},
          {"stats", "--watch", "10ms"},
          {"reactors"},
          {"info"},
          {"health"},
          {"version"},
          {"resize", "2"},
          {"resize", "2", "--wait"},
          {"move", "--from", "0", "--to", "1"},
          {"rebalance"},
          {"steer", "0=1"},
          {"drain"},
          {"undrain"},
          {"operation"},
          {"operation", "--watch"},
          {"conns"},
          {"conns", "--id", "1"},
          {"conns", "--watch"},
          {"close", "1"},
          {"close", "--port", "7000", "--yes"},
          {"events"},
          {"events", "--watch"},
          {"limits"},
          {"limits", "set", "--rate", "1k"},
          {"log-level"}};
}

void ExpectOneLine(const CliRun& run) {
  EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
  EXPECT_THAT(run.err, StartsWith("echogwctl: "));
}

// A port that refuses connections: bound, so that no other process gets it, and not listening until
// Listen().
class BoundPort {
 public:
  BoundPort() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    socklen_t length = sizeof(address);
    EXPECT_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length), 0);
    target_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  ~BoundPort() { close(fd_); }
  BoundPort(const BoundPort&) = delete;
  BoundPort& operator=(const BoundPort&) = delete;

  void Listen() const { EXPECT_EQ(listen(fd_, 16), 0); }
  // The next connection.
  [[nodiscard]] int Accept() const { return accept(fd_, nullptr, nullptr); }
  [[nodiscard]] const std::string& target() const { return target_; }

 private:
  int fd_;
  std::string target_;
};

TEST(Errors, NobodyListensEndsWithThree) {
  const BoundPort port;
  for (const auto& call : AllCalls()) {
    const CliRun run = RunAt(port.target(), call);
    EXPECT_EQ(run.code, 3) << call[0];
    EXPECT_EQ(run.err, "echogwctl: cannot reach " + port.target() +
                           " (connection refused); is echogw running with --admin there?\n");
  }
}

TEST(Errors, AMissingSocketFileEndsWithThree) {
  const CliRun run = RunAt("unix:/nonexistent/admin.sock", {"stats"});
  EXPECT_EQ(run.code, 3);
  EXPECT_THAT(run.err, HasSubstr("cannot reach unix:/nonexistent/admin.sock (no such file or"));
  ExpectOneLine(run);
}

TEST(Errors, ADeadlineEndsWithThree) {
  FakeGateway gateway;
  gateway.script.hang = true;
  for (const auto& call : AllCalls()) {
    auto arguments = call;
    arguments.insert(arguments.end(), {"--timeout", "50ms"});
    const CliRun run = RunAt(gateway.target(), arguments);
    EXPECT_EQ(run.code, 3) << call[0];
    EXPECT_EQ(run.err, "echogwctl: no response from " + gateway.target() +
                           " within 50ms; raise --timeout, or check whether the gateway hangs\n")
        << call[0];
  }
}

TEST(Errors, APeerThatNeverSpeaksEndsWithThree) {
  const BoundPort port;
  port.Listen();
  for (const auto& call :
       std::vector<std::vector<std::string>>{{"stats"}, {"stats", "--watch", "10ms"}}) {
    auto arguments = call;
    arguments.insert(arguments.end(), {"--timeout", "50ms"});
    const CliRun run = RunAt(port.target(), arguments);
    EXPECT_EQ(run.code, 3) << run.err;
    ExpectOneLine(run);
  }
}

TEST(Errors, ARefusalEndsWithOneInEveryFormat) {
  FakeGateway gateway;
  for (const auto code :
       {grpc::StatusCode::INVALID_ARGUMENT, grpc::StatusCode::FAILED_PRECONDITION}) {
    gateway.script.status = {code, "a resize is under way;\nwait for operation 6"};
    for (const auto& call : AllCalls()) {
      for (const char* format : {"table", "json", "yaml"}) {
        auto arguments = call;
        arguments.insert(arguments.end(), {"-o", format});
        const CliRun run = RunAt(gateway.target(), arguments);
        EXPECT_EQ(run.code, 1) << call[0];
        EXPECT_EQ(run.err, "echogwctl: refused: a resize is under way; wait for operation 6\n")
            << call[0];
      }
    }
  }
}

TEST(Errors, EachStatusHasItsCode) {
  FakeGateway gateway;
  const std::vector<std::pair<grpc::StatusCode, int>> cases = {
      {grpc::StatusCode::NOT_FOUND, 1},         {grpc::StatusCode::UNIMPLEMENTED, 1},
      {grpc::StatusCode::INTERNAL, 1},          {grpc::StatusCode::RESOURCE_EXHAUSTED, 1},
      {grpc::StatusCode::PERMISSION_DENIED, 1}, {grpc::StatusCode::UNAUTHENTICATED, 1},
      {grpc::StatusCode::UNAVAILABLE, 3},       {grpc::StatusCode::DEADLINE_EXCEEDED, 3},
      {grpc::StatusCode::CANCELLED, 3}};
  for (const auto& [status, code] : cases) {
    gateway.script.status = {status, "because"};
    const CliRun run = RunAt(gateway.target(), {"stats"});
    EXPECT_EQ(run.code, code) << run.err;
    EXPECT_EQ(run.out, "");
    ExpectOneLine(run);
  }
}

// An echo server: gRPC finds its own bytes where it expects a server's.
TEST(Errors, APortThatIsNotAdminIsNamedSo) {
  const BoundPort port;
  port.Listen();
  std::thread echo([&port] {
    const int peer = port.Accept();
    std::array<char, 4096> bytes{};
    for (ssize_t count = 0; (count = recv(peer, bytes.data(), bytes.size(), 0)) > 0;) {
      if (send(peer, bytes.data(), static_cast<std::size_t>(count), MSG_NOSIGNAL) < 0) break;
    }
    close(peer);
  });
  const CliRun run = RunAt(port.target(), {"stats"});
  echo.join();
  EXPECT_EQ(run.code, 3);
  EXPECT_EQ(run.err,
            "echogwctl: " + port.target() +
                " answers, but is not an admin port; is it the client or the metrics port?\n");
}

// gRPC reads a target as a URI; the fake gets its path in that form, the command line as it is.
TEST(Errors, AUnixPathMayHoldAnyCharacter) {
  const std::string folder = testing::TempDir();
  const FakeGateway gateway("unix:" + folder + "a%20b%2541%3Fc%23d.sock");
  const CliRun run = RunAt("unix:" + folder + "a b%41?c#d.sock", {"health"});
  EXPECT_EQ(run.code, 0) << run.err;
}

TEST(Errors, AnHttpProxyIsNotAsked) {
  FakeGateway gateway;
  gateway.stats = SampleStats();
  ASSERT_EQ(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
  EXPECT_EQ(RunAt(gateway.target(), {"stats"}).code, 0);
  ASSERT_EQ(unsetenv("http_proxy"), 0);
}

}  // namespace
}  // namespace echogw::ctl
