// Common parts of the socket-based peers: command line, listening socket and announcement. A peer
// takes PORT (0: a free one), echoes on 127.0.0.1, prints "listening on 127.0.0.1:PORT" and runs
// until it is killed.
//
// Each peer includes this once. A startup error exits with one line and 1 or 2.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace echogw_bench {

inline constexpr int kBacklog = 4096;
inline constexpr std::size_t kBufferBytes = 64 * 1024;  // the gateway's own default

[[noreturn]] inline void Fail(const char* what, int error = errno) {
  std::fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, std::strerror(error));
  std::exit(1);
}

inline std::uint16_t PortArgument(int argc, char** argv) {
  std::uint16_t port = 0;
  if (argc == 2) {
    const char* end = argv[1] + std::strlen(argv[1]);
    const auto [last, error] = std::from_chars(argv[1], end, port);
    if (error == std::errc() && last == end) return port;
  }
  std::fprintf(stderr, "usage: %s PORT\n", program_invocation_short_name);
  std::exit(2);
}

// Raises the descriptor limit to its maximum and returns it.
inline std::size_t RaiseOpenFiles() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) < 0) Fail("getrlimit");
  files.rlim_cur = files.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &files) < 0) Fail("setrlimit");
  return files.rlim_cur;
}

// Call when connections are accepted or queued.
inline void PrintListening(std::uint16_t port) {
  std::printf("listening on 127.0.0.1:%d\n", port);
  std::fflush(stdout);
}

// `flags`: SOCK_NONBLOCK or 0. Accepted sockets inherit TCP_NODELAY.
inline int Listen(std::uint16_t port, int flags) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  if (fd < 0) Fail("socket");
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  if (bind(fd, generic, size) < 0) Fail("bind");
  if (listen(fd, kBacklog) < 0) Fail("listen");
  if (getsockname(fd, generic, &size) < 0) Fail("getsockname");
  PrintListening(ntohs(address.sin_port));
  return fd;
}

}  // namespace echogw_bench
