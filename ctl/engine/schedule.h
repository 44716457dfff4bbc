// Schedule: which messages (in churn mode: connections) a thread may send, and when: a budget and,
// with a rate, a time for each message. A value; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "ctl/engine/options.h"

namespace echogw::ctl::load {

// The part of a load that one thread carries: connections [first, first + count).
struct LoadShare {
  std::size_t first = 0;
  std::size_t count = 0;
  // Messages it may send; UINT64_MAX for no limit.
  std::uint64_t messages = UINT64_MAX;
};

// One share for each thread; they differ by at most one connection and one message.
[[nodiscard]] std::vector<LoadShare> SharesOf(const LoadBasics& options);

class Schedule {
 public:
  Schedule(const LoadOptions& options, const LoadShare& share);

  // The load starts at `start`; the messages of its threads interleave.
  void Start(LoadTime start);

  [[nodiscard]] bool has_rate() const { return interval_ > 0; }
  [[nodiscard]] bool exhausted() const { return left_ == 0; }
  // When message `index` of this thread is due.
  [[nodiscard]] LoadTime DueTime(std::uint64_t index) const;
  // LoadTime::max() when none is left.
  [[nodiscard]] LoadTime NextDue() const;
  // Takes the next message if it is due at `now`, and returns its index.
  [[nodiscard]] std::optional<std::uint64_t> TakeDue(LoadTime now);
  // Takes up to `count` messages regardless of time, and returns how many.
  [[nodiscard]] std::uint64_t Take(std::uint64_t count);
  // Messages that are due at `now` and were not taken.
  [[nodiscard]] std::uint64_t Overdue(LoadTime now) const;

 private:
  // Nanoseconds between two messages of this thread, and before its first; 0 without a rate.
  double interval_ = 0;
  double offset_ = 0;
  LoadTime start_;
  std::uint64_t next_ = 0;
  std::uint64_t left_;
};

}  // namespace echogw::ctl::load
