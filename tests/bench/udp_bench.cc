// CPU time of UdpEcho per datagram, by batch size and with and without coalescing (UDP_GRO in,
// UDP_SEGMENT out). The client fills the socket's queue, then turns empty it; only the turns are
// measured, by the CPU clock of the thread. On loopback, sending includes delivery to the client,
// so the results are upper bounds.
//
// Run it on an otherwise idle machine: build/release/tests/bench/udp_bench
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "reactor/net/udp_socket.h"
#include "reactor/services/udp_echo.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#define UDP_GRO 104
#endif

namespace echogw {
namespace {

constexpr int kRounds = 7;
constexpr std::uint64_t kDatagrams = 60'000;  // of a round
constexpr std::size_t kQueued = 128;          // before the turns begin

struct Case {
  const char* client;
  std::size_t bytes;
  std::size_t burst;  // datagrams that the client sends as one (UDP_SEGMENT)
};

[[noreturn]] void Die(const char* what) {
  std::perror(what);
  std::exit(1);
}

double CpuNanos() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

UniqueFd Client(int server, const Case& c) {
  UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  socklen_t length = sizeof(to);
  void* generic = &to;
  auto* address = static_cast<sockaddr*>(generic);
  if (::getsockname(server, address, &length) != 0 || ::connect(fd.get(), address, length) != 0) {
    Die("connect");
  }
  const int room = 8 << 20;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
  if (c.burst > 1) {
    const int segment = static_cast<int>(c.bytes);
    const int on = 1;
    if (::setsockopt(fd.get(), IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)) != 0) {
      Die("UDP_SEGMENT");
    }
    ::setsockopt(fd.get(), IPPROTO_UDP, UDP_GRO, &on, sizeof(on));
  }
  return fd;
}

// CPU nanoseconds per datagram.
double Round(const Case& c, std::uint32_t batch, bool coalesce) {
  auto server =
      BindUdp({.host = "127.0.0.1"}, {.receive_buffer_bytes = 16 << 20, .coalesce = coalesce});
  if (!server.ok()) Die("bind");
  const int room = 16 << 20;
  ::setsockopt(server->get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
  const UniqueFd client = Client(server->get(), c);
  KernelDatagramIo io;
  UdpCounters counters;
  UdpEcho echo({.batch_max = batch}, io, counters);
  const std::vector<char> message(c.bytes * c.burst);
  std::vector<char> answer(65536);
  double spent = 0;
  while (counters.sent_datagrams.value() < kDatagrams) {
    for (std::size_t n = 0; n < kQueued; n += c.burst) {
      if (::send(client.get(), message.data(), message.size(), 0) < 0) Die("send");
    }
    const std::uint64_t until = counters.received_datagrams.value() + kQueued;
    const double begun = CpuNanos();
    while (counters.received_datagrams.value() < until) echo.Turn(server->get(), true);
    spent += CpuNanos() - begun;
    while (::recv(client.get(), answer.data(), answer.size(), 0) >= 0) {
    }
  }
  if (counters.Read().dropped_total() > 0) Die("datagrams were dropped");
  return spent / static_cast<double>(counters.sent_datagrams.value());
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int Main() {
  struct Variant {
    std::uint32_t batch;
    bool coalesce;
  };
  const auto variants = std::to_array<Variant>(
      {{1, false}, {1, true}, {8, false}, {8, true}, {32, false}, {32, true}, {64, true}});
  std::puts("CPU ns per datagram, received and sent back; medians");
  std::printf("%-22s", "client");
  for (const Variant& v : variants) {
    std::printf("%10s", v.coalesce ? "GRO+GSO" : "plain");
  }
  std::printf("\n%-22s", "batch");
  for (const Variant& v : variants) std::printf("%10u", v.batch);
  std::puts("");
  for (const Case& c : std::to_array<Case>({{"64 bytes", 64, 1},
                                            {"1400 bytes", 1400, 1},
                                            {"64 bytes, in bursts", 64, 32},
                                            {"1400 bytes, in bursts", 1400, 32}})) {
    // Rounds of all variants in turn, so that a disturbance affects all of them.
    std::array<std::vector<double>, variants.size()> nanos;
    for (int round = 0; round < kRounds; ++round) {
      for (std::size_t v = 0; v < variants.size(); ++v) {
        nanos[v].push_back(Round(c, variants[v].batch, variants[v].coalesce));
      }
    }
    std::printf("%-22s", c.client);
    for (const auto& values : nanos) std::printf("%10.0f", Median(values));
    std::puts("");
  }
  return 0;
}

}  // namespace
}  // namespace echogw

int main() { return echogw::Main(); }
