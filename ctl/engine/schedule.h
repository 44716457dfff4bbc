// Schedule: which messages (in churn mode: connections) a thread may send, and when: a budget and,
// with a rate, a time for each message. A value; one thread.
#pragma once

#include <algorithm>
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

// Part `i` of `n` of a total.
[[nodiscard]] inline std::uint64_t PartOf(std::uint64_t total, std::size_t i, std::size_t n) {
  return total / n + (i < total % n ? 1 : 0);
}

// One share for each thread; they differ by at most one connection and one message.
[[nodiscard]] inline std::vector<LoadShare> SharesOf(const LoadBasics& options) {
  std::vector<LoadShare> shares(options.threads);
  std::size_t first = 0;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    shares[i].first = first;
    shares[i].count = PartOf(options.connections, i, options.threads);
    if (options.messages > 0) shares[i].messages = PartOf(options.messages, i, options.threads);
    first += shares[i].count;
  }
  return shares;
}

class Schedule {
 public:
  Schedule(const LoadOptions& options, const LoadShare& share) : left_(share.messages) {
    if (options.rate <= 0) return;
    interval_ = 1e9 / options.rate * static_cast<double>(options.connections) /
                static_cast<double>(share.count);
    offset_ =
        interval_ * static_cast<double>(share.first) / static_cast<double>(options.connections);
  }

  // The load starts at `start`; the messages of its threads interleave.
  void Start(LoadTime start) { start_ = LaterBy(start, offset_); }

  [[nodiscard]] bool has_rate() const { return interval_ > 0; }
  [[nodiscard]] bool exhausted() const { return left_ == 0; }
  // When message `index` of this thread is due.
  [[nodiscard]] LoadTime DueTime(std::uint64_t index) const {
    return LaterBy(start_, interval_ * static_cast<double>(index));
  }
  // LoadTime::max() when none is left.
  [[nodiscard]] LoadTime NextDue() const { return left_ == 0 ? LoadTime::max() : DueTime(next_); }
  // Takes the next message if it is due at `now`, and returns its index.
  [[nodiscard]] std::optional<std::uint64_t> TakeDue(LoadTime now) {
    if (NextDue() > now) return std::nullopt;
    --left_;
    return next_++;
  }
  // Takes up to `count` messages regardless of time, and returns how many.
  [[nodiscard]] std::uint64_t Take(std::uint64_t count) {
    const std::uint64_t taken = std::min(count, left_);
    left_ -= taken;
    return taken;
  }
  // Messages that are due at `now` and were not taken.
  [[nodiscard]] std::uint64_t Overdue(LoadTime now) const {
    if (!has_rate() || now < start_) return 0;
    const double due = static_cast<double>((now - start_).count()) / interval_ + 1;
    const auto whole = static_cast<std::uint64_t>(std::min(due, kIntegerMax));
    return std::min(whole - std::min(whole, next_), left_);
  }

 private:
  // Within the range of 64-bit integers, signed or not.
  static constexpr double kIntegerMax = 9e18;

  [[nodiscard]] static LoadTime LaterBy(LoadTime time, double nanoseconds) {
    if (nanoseconds >= kIntegerMax) return LoadTime::max();
    return Later(time, Duration(static_cast<std::int64_t>(nanoseconds)));
  }

  // Nanoseconds between two messages of this thread, and before its first; 0 without a rate.
  double interval_ = 0;
  double offset_ = 0;
  LoadTime start_;
  std::uint64_t next_ = 0;
  std::uint64_t left_;
};

}  // namespace echogw::ctl::load
