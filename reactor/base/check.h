// CHECK(condition): an invariant that holds in every build, release included. A failed one prints
// the condition and its place, and aborts. It is for our own bugs, never for the result of a
// system call that may fail.
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
