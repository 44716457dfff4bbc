#include "ctl/engine/schedule.h"

#include <algorithm>

namespace echogw::ctl::load {

namespace {

// Within the range of 64-bit integers, signed or not.
constexpr double kIntegerMax = 9e18;

LoadTime LaterBy(LoadTime time, double nanoseconds) {
  if (nanoseconds >= kIntegerMax) return LoadTime::max();
  return Later(time, std::chrono::nanoseconds(static_cast<std::int64_t>(nanoseconds)));
}

// Part `i` of `n` of a total.
std::uint64_t PartOf(std::uint64_t total, std::size_t i, std::size_t n) {
  return total / n + (i < total % n ? 1 : 0);
}

}  // namespace

std::vector<LoadShare> SharesOf(const LoadBasics& options) {
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

Schedule::Schedule(const LoadOptions& options, const LoadShare& share) : left_(share.messages) {
  if (options.rate <= 0) return;
  interval_ = 1e9 / options.rate * static_cast<double>(options.connections) /
              static_cast<double>(share.count);
  offset_ = interval_ * static_cast<double>(share.first) / static_cast<double>(options.connections);
}

void Schedule::Start(LoadTime start) { start_ = LaterBy(start, offset_); }

LoadTime Schedule::DueTime(std::uint64_t index) const {
  return LaterBy(start_, interval_ * static_cast<double>(index));
}

LoadTime Schedule::NextDue() const { return left_ == 0 ? LoadTime::max() : DueTime(next_); }

std::optional<std::uint64_t> Schedule::TakeDue(LoadTime now) {
  if (NextDue() > now) return std::nullopt;
  --left_;
  return next_++;
}

std::uint64_t Schedule::Take(std::uint64_t count) {
  const std::uint64_t taken = std::min(count, left_);
  left_ -= taken;
  return taken;
}

std::uint64_t Schedule::Overdue(LoadTime now) const {
  if (!has_rate() || now < start_) return 0;
  const double due = static_cast<double>((now - start_).count()) / interval_ + 1;
  const auto whole = static_cast<std::uint64_t>(std::min(due, kIntegerMax));
  return std::min(whole - std::min(whole, next_), left_);
}

}  // namespace echogw::ctl::load
