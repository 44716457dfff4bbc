// raw_epoll_client HOST PORT CONNECTIONS BYTES DEPTH WARMUP_MS MEASURE_MS: the baseline of
// compare_client.py. One thread keeps DEPTH messages of BYTES bytes in flight on each of
// CONNECTIONS connections to an echo server. It does not verify data, reads the clock once per
// turn, and records no latency: its cost is roughly that of the kernel.
//
// Prints one line of JSON for the measured time: messages, its CPU nanoseconds, the duration.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <vector>

namespace {

constexpr std::size_t kBufferBytes = 256 * 1024;
constexpr int kEventBatch = 512;

struct Stream {
  int fd = -1;
  std::uint64_t unsent = 0;    // bytes that may go out
  std::uint64_t received = 0;  // bytes of the message that is coming in
};

std::array<char, kBufferBytes> buffer;
std::uint64_t messages = 0;

[[noreturn]] void Fail(const char* what) {
  std::fprintf(stderr, "raw_epoll_client: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

std::int64_t Nanoseconds(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec;
}

void Send(Stream& stream) {
  while (stream.unsent > 0) {
    const std::size_t size = std::min<std::uint64_t>(stream.unsent, buffer.size());
    const ssize_t sent = send(stream.fd, buffer.data(), size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EAGAIN) return;  // continued on EPOLLOUT
      Fail("send");
    }
    stream.unsent -= static_cast<std::uint64_t>(sent);
    if (static_cast<std::size_t>(sent) < size) return;
  }
}

// A short read has emptied the socket.
void Receive(Stream& stream, std::uint64_t message_bytes) {
  for (;;) {
    const ssize_t got = recv(stream.fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) Fail("the server ended a connection: recv");
    for (stream.received += static_cast<std::uint64_t>(got); stream.received >= message_bytes;
         stream.received -= message_bytes) {
      ++messages;
      stream.unsent += message_bytes;
    }
    if (got < static_cast<ssize_t>(buffer.size())) return;
  }
}

int Connect(const sockaddr_in& server) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) Fail("socket");
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&server), sizeof server) < 0) Fail("connect");
  return fd;
}

std::uint64_t Number(const char* text) {
  std::uint64_t number = 0;
  const char* end = text + std::strlen(text);
  if (const auto parsed = std::from_chars(text, end, number);
      parsed.ec != std::errc() || parsed.ptr != end) {
    std::fprintf(stderr, "raw_epoll_client: not a number: %s\n", text);
    std::exit(2);
  }
  return number;
}

void Turn(int poller, std::vector<Stream>& streams, std::uint64_t message_bytes) {
  static std::array<epoll_event, kEventBatch> events;
  const int ready = epoll_wait(poller, events.data(), kEventBatch, -1);
  for (int i = 0; i < ready; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    Stream& stream = streams[event.data.u64];
    if ((event.events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) Receive(stream, message_bytes);
    Send(stream);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 8) {
    std::fprintf(
        stderr, "usage: raw_epoll_client HOST PORT CONNECTIONS BYTES DEPTH WARMUP_MS MEASURE_MS\n");
    return 2;
  }
  sockaddr_in server{};
  server.sin_family = AF_INET;
  server.sin_port = htons(static_cast<std::uint16_t>(Number(argv[2])));
  if (inet_pton(AF_INET, argv[1], &server.sin_addr) != 1) Fail(argv[1]);
  const std::uint64_t bytes = Number(argv[4]);
  const std::uint64_t depth = Number(argv[5]);
  const auto warmup = static_cast<std::int64_t>(Number(argv[6])) * 1'000'000;
  const auto measure = static_cast<std::int64_t>(Number(argv[7])) * 1'000'000;
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);

  const int poller = epoll_create1(EPOLL_CLOEXEC);
  if (poller < 0) Fail("epoll_create1");
  std::vector<Stream> streams(Number(argv[3]));
  for (std::size_t i = 0; i < streams.size(); ++i) {
    streams[i] = {.fd = Connect(server), .unsent = bytes * depth, .received = 0};
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.u64 = i}};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, streams[i].fd, &event) < 0) Fail("epoll_ctl");
  }

  const std::int64_t begin = Nanoseconds(CLOCK_MONOTONIC) + warmup;
  while (Nanoseconds(CLOCK_MONOTONIC) < begin) Turn(poller, streams, bytes);
  const std::int64_t began = Nanoseconds(CLOCK_MONOTONIC);
  const std::int64_t cpu = Nanoseconds(CLOCK_THREAD_CPUTIME_ID);
  const std::uint64_t before = messages;
  while (Nanoseconds(CLOCK_MONOTONIC) < began + measure) Turn(poller, streams, bytes);
  std::printf(
      "{\"messages\": %llu, \"client_cpu_nanoseconds\": %lld, "
      "\"measured_nanoseconds\": %lld}\n",
      static_cast<unsigned long long>(messages - before),
      static_cast<long long>(Nanoseconds(CLOCK_THREAD_CPUTIME_ID) - cpu),
      static_cast<long long>(Nanoseconds(CLOCK_MONOTONIC) - began));
  return 0;
}
