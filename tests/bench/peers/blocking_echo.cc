// blocking_echo PORT: the simplest server: one thread that serves one client after the other.
#include <unistd.h>

#include <array>

#include "tests/bench/peers/blocking.h"

int main(int argc, char** argv) {
  const int listener = echogw_bench::Listen(echogw_bench::PortArgument(argc, argv), 0);
  std::array<char, echogw_bench::kBufferBytes> buffer;
  for (;;) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) echogw_bench::ServeToTheEnd(fd, buffer.data(), buffer.size());
  }
}
