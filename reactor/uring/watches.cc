#include "reactor/uring/watches.h"

#include <algorithm>

#include "reactor/base/check.h"

namespace echogw {
namespace {

// Under a steady load an AcceptQueue may never be empty: its memory is used again after so many.
constexpr std::size_t kGivenMax = 1024;

}  // namespace

int AcceptQueue::Pop() noexcept {
  const int fd = fds_[given_++];
  if (empty() || given_ == kGivenMax) {
    fds_.erase(fds_.begin(), fds_.begin() + static_cast<std::ptrdiff_t>(given_));
    given_ = 0;
  }
  return fd;
}

UringWatch& UringWatches::Add(int fd, std::uint64_t token) {
  if (free_.empty()) {
    const auto first = static_cast<std::uint32_t>(chunks_.size()) * kChunk;
    chunks_.push_back(std::make_unique<UringWatch[]>(kChunk));
    for (std::uint32_t i = kChunk; i-- > 0;) free_.push_back(first + i);
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  const auto at = static_cast<std::size_t>(fd);
  if (at >= by_fd_.size()) by_fd_.resize(std::max(at + 1, by_fd_.size() * 2));
  by_fd_[at] = index + 1;
  UringWatch& w = At(index);
  const std::uint32_t generation = w.generation + 1;
  w = UringWatch{};
  w.token = token;
  w.fd = fd;
  w.generation = generation;
  return w;
}

void UringWatches::Remove(UringWatch& w) noexcept {
  CHECK(w.accepted == nullptr || w.accepted->empty());  // the reactor has taken them all
  const std::uint32_t index = IndexOf(w);
  by_fd_[static_cast<std::size_t>(w.fd)] = 0;
  w.fd = -1;
  w.events = 0;
  w.wants = 0;
  free_.push_back(index);
}

}  // namespace echogw
