// select_echo PORT: one thread, select(2) over all connections. Descriptors of FD_SETSIZE or more
// do not fit into an fd_set: such connections are closed at once.
#include <sys/select.h>

#include <algorithm>

#include "tests/bench/peers/echo_table.h"

using echogw_bench::EchoTable;

namespace {

struct Interest {
  fd_set readable;
  fd_set writable;
  int highest;

  void Set(int fd, EchoTable::Wait wait) {
    FD_CLR(fd, &readable);
    FD_CLR(fd, &writable);
    if (wait == EchoTable::Wait::kReadable) FD_SET(fd, &readable);
    if (wait == EchoTable::Wait::kWritable) FD_SET(fd, &writable);
    if (wait != EchoTable::Wait::kOver) {
      highest = std::max(highest, fd);
    } else {
      while (!FD_ISSET(highest, &readable) && !FD_ISSET(highest, &writable)) --highest;
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  const std::uint16_t port = echogw_bench::PortArgument(argc, argv);
  EchoTable table(echogw_bench::RaiseOpenFiles());
  const int listener = echogw_bench::Listen(port, SOCK_NONBLOCK);

  Interest interest{};
  interest.Set(listener, EchoTable::Wait::kReadable);
  for (;;) {
    fd_set readable = interest.readable;
    fd_set writable = interest.writable;
    const int highest = interest.highest;
    int ready = select(highest + 1, &readable, &writable, nullptr, nullptr);
    for (int fd = 0; fd <= highest && ready > 0; ++fd) {
      if (!FD_ISSET(fd, &readable) && !FD_ISSET(fd, &writable)) continue;
      --ready;
      if (fd != listener) {
        const EchoTable::Wait wait = table.Turn(fd);
        interest.Set(fd, wait);
        if (wait == EchoTable::Wait::kOver) table.Close(fd);
        continue;
      }
      const int accepted = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (accepted >= FD_SETSIZE) {
        close(accepted);
      } else if (accepted >= 0) {
        interest.Set(accepted, EchoTable::Wait::kReadable);
      }
    }
  }
}
