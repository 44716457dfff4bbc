// raw_epoll_echo PORT: the yardstick of compare.py. One thread, one edge-triggered epoll, one
// buffer, and no system call that an echo can do without: no counters, no limits, no log, no
// drain. What it costs a message is about what the kernel costs.
//
// Prints "listening on 127.0.0.1:PORT" and serves until it is killed. Port 0 takes a free one.
#include <sys/epoll.h>

#include "tests/bench/peers/echo_table.h"

using echogw_bench::EchoTable;

namespace {

constexpr int kEventBatch = 512;

// Echoes until the socket is empty. A read that is shorter than the buffer has emptied it, unless
// the peer's FIN is behind it, which `hang_up` tells and which a new edge tells later on.
void Echo(EchoTable& table, int fd, bool hang_up) {
  auto& buffer = table.buffer();
  bool gone = false;
  while (!gone && table.Flush(fd, gone)) {
    const ssize_t got = recv(fd, buffer.data(), buffer.size(), 0);
    if (got <= 0) {
      if (got < 0 && errno == EAGAIN) return;
      break;
    }
    if (!table.Send(fd, buffer.data(), static_cast<std::size_t>(got))) break;
    if (got < static_cast<ssize_t>(buffer.size()) && !hang_up && !table.HasPending(fd)) return;
  }
  if (!gone && table.HasPending(fd)) return;  // EPOLLOUT goes on from here
  table.Close(fd);
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
  const std::uint16_t port = echogw_bench::PortArgument(argc, argv);
  EchoTable table(echogw_bench::RaiseOpenFiles());
  const int listener = echogw_bench::Listen(port, SOCK_NONBLOCK);
  const int poller = epoll_create1(EPOLL_CLOEXEC);
  if (poller < 0) echogw_bench::Fail("epoll_create1");
  epoll_event event{.events = EPOLLIN, .data = {.fd = listener}};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event) < 0) echogw_bench::Fail("epoll_ctl");

  std::array<epoll_event, kEventBatch> events;
  for (;;) {
    const int ready = epoll_wait(poller, events.data(), kEventBatch, -1);
    for (int i = 0; i < ready; ++i) {
      const epoll_event& each = events[static_cast<std::size_t>(i)];
      if (each.data.fd == listener) {
        Accept(poller, listener);
      } else if ((each.events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0 ||
                 table.HasPending(each.data.fd)) {
        Echo(table, each.data.fd, (each.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
      }
    }
  }
}
