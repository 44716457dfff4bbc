// thread_echo PORT: a thread per connection, with blocking sockets. The buffer is on the thread's
// stack, of which only the used part takes memory.
#include <pthread.h>

#include <array>

#include "tests/bench/peers/blocking.h"

namespace {

constexpr std::size_t kStackBytes = echogw_bench::kBufferBytes + 64 * 1024;

void* Serve(void* argument) {
  std::array<char, echogw_bench::kBufferBytes> buffer;
  const auto fd = static_cast<int>(reinterpret_cast<std::intptr_t>(argument));
  echogw_bench::ServeToTheEnd(fd, buffer.data(), buffer.size());
  return nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint16_t port = echogw_bench::PortArgument(argc, argv);
  echogw_bench::RaiseOpenFiles();
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  const int listener = echogw_bench::Listen(port, 0);
  for (;;) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    pthread_t thread;
    auto* argument = reinterpret_cast<void*>(static_cast<std::intptr_t>(fd));
    if (pthread_create(&thread, &attributes, Serve, argument) != 0) close(fd);
  }
}
