// epoll_level_echo PORT: one thread, level-triggered epoll. A connection waits to be readable, or,
// while it has unsent bytes, to be writable.
#include <sys/epoll.h>

#include "tests/bench/peers/echo_table.h"

using echogw_bench::EchoTable;

namespace {

constexpr int kEventBatch = 512;

void Accept(int poller, int listener) {
  const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return;
  epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
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
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == listener) {
        Accept(poller, listener);
        continue;
      }
      const bool waited_to_write = table.HasPending(fd);
      const EchoTable::Wait wait = table.Turn(fd);
      if (wait == EchoTable::Wait::kOver) {
        table.Close(fd);
        continue;
      }
      const bool waits_to_write = wait == EchoTable::Wait::kWritable;
      if (waits_to_write != waited_to_write) {
        epoll_event change{.events = waits_to_write ? EPOLLOUT : EPOLLIN, .data = {.fd = fd}};
        epoll_ctl(poller, EPOLL_CTL_MOD, fd, &change);
      }
    }
  }
}
