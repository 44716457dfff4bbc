// A counter with one writer and any readers.
#pragma once

#include <atomic>
#include <cstdint>

namespace echogw {

// The writer adds with a load and a store, without a locked instruction. Who reads a value also
// sees what was written before it.
class Counter {
 public:
  void Add(std::uint64_t n) noexcept { Set(value() + n); }
  void Subtract(std::uint64_t n) noexcept { Set(value() - n); }
  void Set(std::uint64_t n) noexcept { value_.store(n, std::memory_order_release); }
  [[nodiscard]] std::uint64_t value() const noexcept {
    return value_.load(std::memory_order_acquire);
  }

 private:
  // Writer: the reactor of the slot. Readers: any thread, by Counters::Read.
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace echogw
