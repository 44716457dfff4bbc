// Goal: bench --udp counts what becomes of every datagram, says so, and ends with the documented
// exit code. Method: the real command line against a UDP echo on loopback that drops, alters,
// doubles or delays every so many.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/ctl/load/load_cli.h"

namespace echogw::ctl::load {
namespace {

using testing::HasSubstr;
using Datagram = std::vector<char>;

// Answers each datagram with what `answers` makes of it, by its number.
class UdpEchoServer {
 public:
  using Answers = std::function<std::vector<Datagram>(int number, const Datagram&)>;

  explicit UdpEchoServer(Answers answers =
                             [](int, const Datagram& d) { return std::vector<Datagram>{d}; })
      : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)), answers_(std::move(answers)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(at);
    auto* generic = reinterpret_cast<sockaddr*>(&at);
    EXPECT_EQ(::bind(fd_, generic, length), 0);
    EXPECT_EQ(::getsockname(fd_, generic, &length), 0);
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~UdpEchoServer() {
    ::shutdown(fd_, SHUT_RDWR);  // wakes the reader
    thread_.join();
    ::close(fd_);
  }

  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  void Serve() {
    Datagram in(65536);
    for (int number = 0;; ++number) {
      sockaddr_in from{};
      socklen_t length = sizeof(from);
      auto* generic = reinterpret_cast<sockaddr*>(&from);
      const ssize_t n = ::recvfrom(fd_, in.data(), in.size(), 0, generic, &length);
      if (n <= 0) return;  // no datagram of a bench is empty
      for (const Datagram& out : answers_(number, Datagram(in.begin(), in.begin() + n))) {
        ::sendto(fd_, out.data(), out.size(), 0, generic, length);
      }
    }
  }

  const int fd_;
  const Answers answers_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

LoadCliResult BenchUdp(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"bench", "--udp"});
  return RunLoadCli(arguments, nullptr);
}

TEST(LoadUdpTest, TableOfACleanRun) {
  const UdpEchoServer server;
  const LoadCliResult run =
      BenchUdp({server.address(), "-c", "3", "-p", "2", "--messages", "90", "-s", "1KiB"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("3 sockets, 1024-byte datagrams, depth 2, 1 thread\n"));
  EXPECT_THAT(run.out, HasSubstr("90, 90 answered\n"));
  EXPECT_THAT(run.out,
              HasSubstr("0 lost, 0 late or duplicate, 0 wrong, 0 refused, 0 socket errors"));
  EXPECT_THAT(run.out, HasSubstr("P99.9"));
}

TEST(LoadUdpTest, EverySizeOnSeveralThreads) {
  const UdpEchoServer server;
  for (const char* size : {"8", "9", "65507"}) {
    const LoadCliResult run = BenchUdp({server.address(), "-c", "2", "-t", "2", "--messages", "40",
                                        "-s", size, "--source-addresses", "3", "-o", "json"});
    EXPECT_EQ(run.code, 0) << run.err << run.out;
    EXPECT_THAT(run.out, HasSubstr("\"answered\": 40,"));
    EXPECT_THAT(run.out, HasSubstr("\"verified_bytes\": " + std::to_string(40 * std::stoi(size))));
  }
}

TEST(LoadUdpTest, WhatIsDroppedAlteredOrDoubledIsCounted) {
  const UdpEchoServer server([](int number, const Datagram& d) -> std::vector<Datagram> {
    Datagram bad = d;
    switch (number % 5) {
      case 0:
        return {};
      case 1:
        bad.back() = static_cast<char>(bad.back() ^ 1);
        return {bad};
      case 2:
        bad.pop_back();
        return {bad};
      case 3:
        return {d, d};
      default:
        return {d};
    }
  });
  const LoadCliResult run = BenchUdp(
      {server.address(), "-c", "1", "--messages", "50", "--answer-timeout", "20ms", "-o", "json"});
  EXPECT_EQ(run.code, 1) << run.err;
  EXPECT_THAT(run.out, HasSubstr("\"sent\": 50,"));
  EXPECT_THAT(run.out, HasSubstr("\"answered\": 20,"));
  EXPECT_THAT(run.out, HasSubstr("\"lost\": 30,")) << "an altered one leaves its own missing";
  EXPECT_THAT(run.out, HasSubstr("\"late\": 10,"));
  EXPECT_THAT(run.out, HasSubstr("\"wrong\": 20,"));
}

TEST(LoadUdpTest, AnAnswerAfterItsTimeIsLate) {
  Datagram held;
  const UdpEchoServer server([&held](int number, const Datagram& d) -> std::vector<Datagram> {
    if (number == 0) {
      held = d;
      return {};
    }
    if (number == 1) return {held, d};
    return {d};
  });
  const LoadCliResult run = BenchUdp(
      {server.address(), "-c", "1", "--messages", "5", "--answer-timeout", "500ms", "-o", "json"});
  EXPECT_EQ(run.code, 1) << run.err;
  EXPECT_THAT(run.out, HasSubstr("\"lost\": 1,"));
  EXPECT_THAT(run.out, HasSubstr("\"late\": 1,"));
  EXPECT_THAT(run.out, HasSubstr("\"answered\": 4,"));
}

TEST(LoadUdpTest, NobodyThereIsUnreachable) {
  std::string address;
  {
    const UdpEchoServer gone;
    address = gone.address();
  }
  const LoadCliResult refused =
      BenchUdp({address, "-c", "2", "-d", "50ms", "--answer-timeout", "20ms"});
  EXPECT_EQ(refused.code, 3);
  EXPECT_THAT(refused.err, HasSubstr("refuses datagrams"));
  const UdpEchoServer silent([](int, const Datagram&) { return std::vector<Datagram>{}; });
  const LoadCliResult mute =
      BenchUdp({silent.address(), "-c", "2", "-d", "50ms", "--answer-timeout", "20ms"});
  EXPECT_EQ(mute.code, 3);
  EXPECT_THAT(mute.err, HasSubstr("does not answer datagrams"));
}

TEST(LoadUdpTest, WhatMakesNoSenseIsRefused) {
  const auto error_of = [](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "127.0.0.1:7");
    const LoadCliResult run = BenchUdp(std::move(arguments));
    EXPECT_EQ(run.code, 2) << run.err;
    return run.err;
  };
  EXPECT_THAT(error_of({"--churn"}), HasSubstr("--churn: not with --udp"));
  for (const char* option : {"--tls", "--tls-insecure", "--banner"}) {
    EXPECT_THAT(error_of({option}), HasSubstr(std::string(option) + ": not with --udp"));
  }
  EXPECT_THAT(error_of({"--tls-ca", "ca.pem"}), HasSubstr("--tls-ca: not with --udp"));
  EXPECT_THAT(error_of({"--rate", "5"}), HasSubstr("--rate: not with --udp"));
  EXPECT_THAT(error_of({"-s", "7"}), HasSubstr("--size: a datagram of --udp has 8 to 65507 bytes"));
  EXPECT_THAT(error_of({"-s", "65508"}), HasSubstr("--size"));
  EXPECT_THAT(error_of({"-c", "1", "-t", "2"}), HasSubstr("--threads"));
  EXPECT_THAT(error_of({"--cpu", "4095"}), HasSubstr("CPU 4095"));
  const LoadCliResult path = BenchUdp({"unix:/run/echo.sock"});
  EXPECT_EQ(path.code, 2) << path.err;
  EXPECT_THAT(path.err, HasSubstr("--udp: a unix socket has no datagrams; write HOST:PORT"));
}

}  // namespace
}  // namespace echogw::ctl::load
