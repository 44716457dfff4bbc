// Loaded into the gateway with LD_PRELOAD: makes system calls fail and shifts the wall clock, as
// the test requests. The test and the gateway share the file FAULT_SHIM_FILE, which starts with a
// Faults; the test writes all of it but `failed`. See faults.py.
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdlib>

namespace {

// A failing call. The test writes `error` and `skip`, any thread of the gateway `failed`. No other
// memory depends on them.
struct Fault {
  std::atomic<std::int32_t> error;   // 0: the call succeeds
  std::atomic<std::int32_t> skip;    // calls that succeed first
  std::atomic<std::int32_t> failed;  // calls that have failed
};

struct Faults {
  Fault accept;  // of connections to `accept_port`
  Fault epoll_create;
  Fault epoll_add;
  Fault eventfd;
  std::atomic<std::int32_t> accept_port;
  std::atomic<std::int32_t> wall_seconds;  // the wall clock is off by this
};
static_assert(sizeof(Faults) == 14 * sizeof(std::int32_t), "faults.py knows the layout");

Faults* Shared() {
  static Faults* const shared = [] {
    const char* path = std::getenv("FAULT_SHIM_FILE");
    const int fd = path == nullptr ? -1 : ::open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) std::abort();
    void* memory = ::mmap(nullptr, sizeof(Faults), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ::close(fd);
    if (memory == MAP_FAILED) std::abort();
    return static_cast<Faults*>(memory);
  }();
  return shared;
}

template <typename Function>
Function* Real(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

// Sets errno if the call must fail.
bool Fails(Fault& fault) {
  const int error = fault.error;
  if (error == 0 || fault.skip.fetch_sub(1) > 0) return false;
  fault.failed.fetch_add(1);
  errno = error;
  return true;
}

bool IsOnPort(int fd, int port) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  void* to = &address;
  return ::getsockname(fd, static_cast<sockaddr*>(to), &size) == 0 &&
         address.sin_family == AF_INET && ntohs(address.sin_port) == port;
}

using Syscall = long(long, long, long, long, long, long, long);

std::int64_t Now(clockid_t clock) {
  timespec now{};
  (void)::clock_gettime(clock, &now);
  return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}

// A wait until a time of the wall clock, which is polled, because the kernel notices when the clock
// is set. abseil waits this way, and gRPC through it.
long WaitByWallClock(Syscall* real, const long (&a)[6], const timespec& until) {
  constexpr std::int64_t kLook = 10'000'000;
  const std::int64_t deadline = until.tv_sec * std::int64_t{1'000'000'000} + until.tv_nsec;
  for (;;) {
    const std::int64_t left = deadline - Now(CLOCK_REALTIME);
    if (left <= 0) {
      errno = ETIMEDOUT;
      return -1;
    }
    const std::int64_t next = Now(CLOCK_MONOTONIC) + std::min(left, kLook);
    const timespec slice{.tv_sec = next / 1'000'000'000, .tv_nsec = next % 1'000'000'000};
    const long result = real(SYS_futex, a[0], a[1] & ~FUTEX_CLOCK_REALTIME, a[2],
                             reinterpret_cast<long>(&slice), a[4], a[5]);
    if (result == 0 || errno != ETIMEDOUT) return result;
  }
}

}  // namespace

extern "C" {

int accept4(int fd, sockaddr* address, socklen_t* size, int flags) {
  static auto* const real = Real<decltype(accept4)>("accept4");
  Faults& faults = *Shared();
  if (faults.accept.error != 0 && IsOnPort(fd, faults.accept_port) && Fails(faults.accept)) {
    return -1;
  }
  return real(fd, address, size, flags);
}

int epoll_create1(int flags) noexcept {
  static auto* const real = Real<decltype(epoll_create1)>("epoll_create1");
  return Fails(Shared()->epoll_create) ? -1 : real(flags);
}

int epoll_ctl(int epoll, int operation, int fd, epoll_event* event) noexcept {
  static auto* const real = Real<decltype(epoll_ctl)>("epoll_ctl");
  if (operation == EPOLL_CTL_ADD && Fails(Shared()->epoll_add)) return -1;
  return real(epoll, operation, fd, event);
}

int eventfd(unsigned value, int flags) noexcept {
  static auto* const real = Real<decltype(eventfd)>("eventfd");
  return Fails(Shared()->eventfd) ? -1 : real(value, flags);
}

int clock_gettime(clockid_t clock, timespec* out) noexcept {
  static auto* const real = Real<decltype(clock_gettime)>("clock_gettime");
  const int result = real(clock, out);
  if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) {
    out->tv_sec += Shared()->wall_seconds;
  }
  return result;
}

long syscall(long number, ...) noexcept {
  static auto* const real = Real<Syscall>("syscall");
  long a[6];
  std::va_list list;
  va_start(list, number);
  for (long& each : a) each = va_arg(list, long);
  va_end(list);
  if (number == SYS_futex && (a[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET &&
      (a[1] & FUTEX_CLOCK_REALTIME) != 0 && a[3] != 0) {
    return WaitByWallClock(real, a, *reinterpret_cast<const timespec*>(a[3]));
  }
  return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int gettimeofday(timeval* out, void* /*zone*/) noexcept {
  timespec now{};
  const int result = clock_gettime(CLOCK_REALTIME, &now);
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return result;
}

time_t time(time_t* out) noexcept {
  timespec now{};
  (void)clock_gettime(CLOCK_REALTIME, &now);
  if (out != nullptr) *out = now.tv_sec;
  return now.tv_sec;
}

}  // extern "C"
