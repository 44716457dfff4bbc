// Counts what operator new gives out. A binary that has allocation_counter.cc among its sources
// gets the operators of that file in place of the library's.
#pragma once

#include <cstddef>

namespace echogw {

// For tests of one thread: what other threads allocate while it counts is counted too, unguarded.
class AllocationCounter {
 public:
  // Starts from nothing and counts until it is destroyed.
  class Scope {
   public:
    Scope();
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
  };

  [[nodiscard]] static std::size_t allocations();
  [[nodiscard]] static std::size_t bytes();
};

}  // namespace echogw
