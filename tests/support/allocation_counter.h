// Counts allocations by operator new, in a binary with allocation_counter.cc among its sources.
#pragma once

#include <cstddef>

namespace echogw {

// For single-threaded tests: allocations of other threads are counted too, without synchronization.
class AllocationCounter {
 public:
  // Counts from zero until it is destroyed.
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
