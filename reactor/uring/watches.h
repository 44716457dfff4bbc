// The descriptors that an io_uring engine watches, and which of them have events to report.
// Reactor's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "reactor/uring/buffers.h"

namespace echogw {

// Connections that were prefetched from a listener, in their order.
class AcceptQueue {
 public:
  [[nodiscard]] bool empty() const noexcept { return given_ == fds_.size(); }
  void Push(int fd) { fds_.push_back(fd); }
  // Not empty.
  [[nodiscard]] int Pop() noexcept;

 private:
  std::vector<int> fds_;
  std::size_t given_ = 0;  // of fds_
};

struct UringWatch {
  std::uint64_t token = 0;
  int fd = -1;                                    // negative: free
  std::uint32_t generation = 0;                   // of completions; those of another are stale
  std::uint32_t events = 0;                       // to be reported
  std::uint16_t interest = 0;                     // of what is polled
  std::uint16_t error = 0;                        // errno, for the next Read or Accept
  UringBuffers::Queue received;                   // and not read
  UringBuffers::Id unsent = UringBuffers::kNone;  // sent in part; precedes what was received
  std::uint8_t wants = 0;                         // see UringRequests::Want
  bool connection : 1 = false;
  bool fresh : 1 = true;        // nothing was asked for it yet
  bool receiving : 1 = false;   // the kernel receives, until it reports the end
  bool limited : 1 = false;     // and ends after a number of bytes
  bool cancelling : 1 = false;  // it was asked to end
  bool polling : 1 = false;     // the kernel polls
  bool sending : 1 = false;     // a send waits for the next Enter
  bool blocked : 1 = false;     // the client takes no more: polled until it does
  bool ended : 1 = false;       // the peer sent FIN
  bool broken : 1 = false;      // a send failed: what was received is discarded
  bool removed : 1 = false;     // kept for TakePrefetched and TakeAccepted alone
  bool accepting : 1 = false;   // the kernel accepts, until it reports the end
  bool lost : 1 = false;        // the completion of what is pending may be lost
  // Of a listener whose connections may be prefetched; else null.
  std::unique_ptr<AcceptQueue> accepted;

  [[nodiscard]] bool holds_bytes() const noexcept {
    return !received.empty() || unsent != UringBuffers::kNone;
  }
};

class UringWatches {
 public:
  [[nodiscard]] UringWatch& At(std::uint32_t index) noexcept {
    return chunks_[index / kChunk][index % kChunk];
  }
  // Null if the descriptor is not watched.
  [[nodiscard]] UringWatch* Find(int fd) noexcept {
    const auto at = static_cast<std::size_t>(fd);
    return at >= by_fd_.size() || by_fd_[at] == 0 ? nullptr : &At(by_fd_[at] - 1);
  }
  [[nodiscard]] std::uint32_t IndexOf(const UringWatch& w) const noexcept {
    return by_fd_[static_cast<std::size_t>(w.fd)] - 1;
  }
  // Calls `visit(watch)` for each.
  template <typename Visit>
  void ForEach(const Visit& visit) {
    for (const std::uint32_t index : by_fd_) {
      if (index != 0) visit(At(index - 1));
    }
  }
  // The descriptor is not watched.
  UringWatch& Add(int fd, std::uint64_t token);
  // Completions still to come find another generation, or none.
  void Remove(UringWatch& w) noexcept;

  void Announce(UringWatch& w, std::uint32_t events) {
    if (w.events == 0) ready_.push_back(IndexOf(w));
    w.events |= events;
  }
  [[nodiscard]] bool any_ready() const noexcept { return !ready_.empty(); }
  // The watches that had events until now, in their order; valid until the next call.
  [[nodiscard]] const std::vector<std::uint32_t>& TakeReady() {
    reporting_.clear();
    reporting_.swap(ready_);
    return reporting_;
  }
  // One of them keeps its events for the next time.
  void PutBack(std::uint32_t index) { ready_.push_back(index); }

 private:
  static constexpr std::uint32_t kChunk = 256;

  std::vector<std::unique_ptr<UringWatch[]>> chunks_;  // never moved
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> by_fd_;  // index of the watch, plus 1
  std::vector<std::uint32_t> ready_;  // with events to report, in their order
  std::vector<std::uint32_t> reporting_;
};

}  // namespace echogw
