// poll_echo PORT: one thread, poll(2) over all connections. The kernel examines all of them in
// every call; this loop stops after as many as the kernel reported.
#include <poll.h>

#include "tests/bench/peers/echo_table.h"

using echogw_bench::EchoTable;

int main(int argc, char** argv) {
  const std::uint16_t port = echogw_bench::PortArgument(argc, argv);
  EchoTable table(echogw_bench::RaiseOpenFiles());
  const int listener = echogw_bench::Listen(port, SOCK_NONBLOCK);

  std::vector<pollfd> watched{{.fd = listener, .events = POLLIN, .revents = 0}};
  for (;;) {
    int ready = poll(watched.data(), watched.size(), -1);
    const bool accepts = watched[0].revents != 0;
    if (accepts) --ready;
    for (std::size_t i = 1; i < watched.size() && ready > 0;) {
      pollfd& each = watched[i];
      if (each.revents == 0) {
        ++i;
        continue;
      }
      --ready;
      const EchoTable::Wait wait = table.Turn(each.fd);
      if (wait == EchoTable::Wait::kOver) {
        table.Close(each.fd);
        each = watched.back();  // looked at next, in this place
        watched.pop_back();
        continue;
      }
      each.events = wait == EchoTable::Wait::kWritable ? POLLOUT : POLLIN;
      ++i;
    }
    if (!accepts) continue;
    const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) watched.push_back({.fd = fd, .events = POLLIN, .revents = 0});
  }
}
