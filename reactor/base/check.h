// CHECK(condition): an invariant, checked in release builds too. A failure prints the condition and
// its location, and aborts. For our own bugs only, never for system calls that may fail.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace echogw {

[[noreturn]] inline void CheckFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace echogw

#define CHECK(condition)                                     \
  do {                                                       \
    if (!(condition)) [[unlikely]]                           \
      ::echogw::CheckFailed(#condition, __FILE__, __LINE__); \
  } while (false)
