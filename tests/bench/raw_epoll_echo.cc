// raw_epoll_echo PORT: the yardstick of compare.py. One thread, one edge-triggered epoll, one
// buffer, and no system call that an echo can do without: no counters, no limits, no log, no
// drain. What it costs a message is about what the kernel costs.
//
// Prints "listening on 127.0.0.1:PORT" and serves until it is killed. Port 0 takes a free one.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

constexpr std::size_t kBufferBytes = 64 * 1024;
constexpr int kEventBatch = 512;

// What the kernel did not take of an echo yet. While there is any, the connection is not read.
struct Pending {
  std::vector<char> bytes;
  std::size_t sent = 0;
};

std::array<char, kBufferBytes> buffer;
std::vector<Pending*> pending_of;  // by descriptor; null when all is sent

[[noreturn]] void Fail(const char* what) {
  std::fprintf(stderr, "raw_epoll_echo: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

std::size_t Index(int fd) { return static_cast<std::size_t>(fd); }

void Close(int fd) {
  delete pending_of[Index(fd)];
  pending_of[Index(fd)] = nullptr;
  close(fd);
}

// Sends `size` bytes; what does not fit is kept. False when the connection is gone.
bool Send(int fd, const char* data, std::size_t size) {
  ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
  if (sent == static_cast<ssize_t>(size)) return true;
  if (sent < 0) {
    if (errno != EAGAIN) return false;
    sent = 0;
  }
  pending_of[Index(fd)] = new Pending{{data + sent, data + size}, 0};
  return true;
}

// True when nothing is pending any more; sets `gone` when the connection is.
bool Flush(int fd, bool& gone) {
  Pending* pending = pending_of[Index(fd)];
  if (pending == nullptr) return true;
  while (pending->sent < pending->bytes.size()) {
    const ssize_t sent = send(fd, pending->bytes.data() + pending->sent,
                              pending->bytes.size() - pending->sent, MSG_NOSIGNAL);
    if (sent < 0) {
      gone = errno != EAGAIN;
      return false;
    }
    pending->sent += static_cast<std::size_t>(sent);
  }
  delete pending;
  pending_of[Index(fd)] = nullptr;
  return true;
}

// Echoes until the socket is empty. A read that is shorter than the buffer has emptied it, unless
// the peer's FIN is behind it, which `hang_up` tells and which a new edge tells later on.
void Echo(int fd, bool hang_up) {
  bool gone = false;
  while (!gone && Flush(fd, gone)) {
    const ssize_t got = recv(fd, buffer.data(), buffer.size(), 0);
    if (got <= 0) {
      if (got < 0 && errno == EAGAIN) return;
      break;
    }
    if (!Send(fd, buffer.data(), static_cast<std::size_t>(got))) break;
    if (got < static_cast<ssize_t>(buffer.size()) && !hang_up && !pending_of[Index(fd)]) return;
  }
  if (!gone && pending_of[Index(fd)] != nullptr) return;  // EPOLLOUT goes on from here
  Close(fd);
}

int Listen(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) Fail("socket");
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // accepted sockets inherit it
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  if (bind(fd, generic, size) < 0) Fail("bind");
  if (listen(fd, 4096) < 0) Fail("listen");
  if (getsockname(fd, generic, &size) < 0) Fail("getsockname");
  std::printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  return fd;
}

// One a turn: the listener is level-triggered, so a longer queue shows again in the next wait,
// which is due anyway; to accept until EAGAIN costs a system call more per connection.
void Accept(int poller, int listener) {
  const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return;
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.fd = fd}};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0) close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  std::uint16_t port = 0;
  if (argc != 2 ||
      std::from_chars(argv[1], argv[1] + std::strlen(argv[1]), port).ec != std::errc()) {
    std::fprintf(stderr, "usage: raw_epoll_echo PORT\n");
    return 2;
  }
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  pending_of.resize(files.rlim_cur);

  const int listener = Listen(port);
  const int poller = epoll_create1(EPOLL_CLOEXEC);
  if (poller < 0) Fail("epoll_create1");
  epoll_event event{.events = EPOLLIN, .data = {.fd = listener}};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event) < 0) Fail("epoll_ctl");

  std::array<epoll_event, kEventBatch> events;
  for (;;) {
    const int ready = epoll_wait(poller, events.data(), kEventBatch, -1);
    for (int i = 0; i < ready; ++i) {
      const epoll_event& each = events[static_cast<std::size_t>(i)];
      if (each.data.fd == listener) {
        Accept(poller, listener);
      } else if ((each.events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0 ||
                 pending_of[Index(each.data.fd)] != nullptr) {
        Echo(each.data.fd, (each.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
      }
    }
  }
}
