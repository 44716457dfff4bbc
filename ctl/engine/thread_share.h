// What the threads of a load share the work by, where they run, and for how long they did.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"

namespace echogw::ctl::load {

// Part `i` of `n` of a total, so that the parts differ by at most one and add up.
[[nodiscard]] inline std::uint64_t PartOf(std::uint64_t total, std::size_t i, std::size_t n) {
  return total / n + (i < total % n ? 1 : 0);
}

// INVALID_ARGUMENT for a CPU that this process may not run on.
[[nodiscard]] absl::Status CheckCpus(const std::vector<int>& cpus);

// Of the calling thread, user and system; exact, unlike getrusage, which is a tick behind.
[[nodiscard]] std::chrono::nanoseconds ThreadCpuTime();

// The calling thread only. The CPU was checked; one that went offline since leaves it unpinned.
void PinThisThread(int cpu);

}  // namespace echogw::ctl::load
