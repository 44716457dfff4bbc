// The atom of all statistics.
#pragma once

#include <atomic>
#include <cstdint>

namespace echogw {

// One number with a single writer. The writer adds by a load and a store, no locked instruction;
// readers get some value it had. Relaxed order suffices because no reader concludes anything about
// other memory from it.
class Counter {
 public:
  void Add(std::uint64_t n) noexcept { Set(value() + n); }
  void Subtract(std::uint64_t n) noexcept { Set(value() - n); }
  void Set(std::uint64_t n) noexcept { value_.store(n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const noexcept {
    return value_.load(std::memory_order_relaxed);
  }

 private:
  // Writer: the reactor of the slot. Readers: any thread, by Counters::Read.
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace echogw
