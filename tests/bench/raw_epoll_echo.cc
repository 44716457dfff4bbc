// raw_epoll_echo PORT: the baseline of compare.py. One thread, one edge-triggered epoll instance,
// one buffer and only the necessary system calls: no counters, limits, log or drain. Its cost per
// message is roughly that of the kernel.
//
// Prints "listening on 127.0.0.1:PORT" and serves until it is killed. Port 0 selects a free port.
#include <sys/epoll.h>

#include "tests/bench/peers/echo_table.h"

using echogw_bench::EchoTable;

namespace {

constexpr int kEventBatch = 512;

// Echoes until the socket is empty. A short read has emptied it, except for the peer's FIN, which
// `hang_up` or a later edge reports.
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
  if (!gone && table.HasPending(fd)) return;  // continued on EPOLLOUT
  table.Close(fd);
}

// One per turn: the listener is level-triggered, so the next wait reports the rest of the queue.
// Accepting until EAGAIN takes one more system call per connection.
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
