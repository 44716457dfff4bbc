// A bare io_uring(7): the two rings that are shared with the kernel. UringRequests gives the
// entries a meaning.
//
// Made on any thread; from Enable on it belongs to the thread that called it, the only one the
// kernel lets submit. Completions are produced inside Enter alone, so only the kernel is concurrent
// with this code; its ends of the rings are read and written as its ABI requires.
#pragma once

#include <linux/io_uring.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <utility>

#include "absl/status/statusor.h"
#include "reactor/base/clock.h"
#include "reactor/base/unique_fd.h"
#include "reactor/uring/mapping.h"

namespace echogw {

class Uring {
 public:
  // `entries` submissions, a power of two, and eight times as many completions. Errors: a line that
  // says why there is no io_uring, or that it is too old (before Linux 6.1), and what to do.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Uring>> Create(std::uint32_t entries);

  Uring(const Uring&) = delete;
  Uring& operator=(const Uring&) = delete;

  ~Uring();

  // io_uring_register(2).
  [[nodiscard]] int Register(unsigned what, void* argument, unsigned n) const noexcept;

  // The calling thread submits from here on. Before the first Enter, once.
  void Enable() noexcept;

  // The next entry to fill in, zeroed; null when there is room only after an Enter.
  [[nodiscard]] io_uring_sqe* Next() noexcept;

  // Whether a multishot accept of this kernel loses no connection. Before 6.15 it could when the
  // completions were full: a connection got only -ECANCELED (f6a89bf5278d), or a number that is no
  // descriptor (a37ee9e117ef, 6.8).
  [[nodiscard]] bool accepts_reliably() const noexcept { return no_iowait_; }

  // Hands over all entries, runs what is due, and waits for a completion: at most `timeout`
  // (kNever: without end; 0: not at all). A signal ends the wait, too.
  void Enter(Nanos timeout) noexcept;

  // True: completions wait in the kernel for room in the ring; Reap, then Enter.
  [[nodiscard]] bool overflowed() const noexcept {
    return (std::atomic_ref(*sq_flags_).load(std::memory_order_relaxed) & IORING_SQ_CQ_OVERFLOW) !=
           0;
  }

  // Whether the kernel has lost completions to lack of memory since the last call.
  [[nodiscard]] bool TakeLoss() noexcept { return std::exchange(lost_, false); }

  // Calls `on(const io_uring_cqe&)` for every completion that is here, and frees them.
  template <typename On>
  void Reap(On&& on) {
    std::uint32_t head = *cq_head_;  // written by us alone
    const std::uint32_t tail = std::atomic_ref(*cq_tail_).load(std::memory_order_acquire);
    while (head != tail) on(static_cast<const io_uring_cqe&>(cqes_[head++ & cq_mask_]));
    std::atomic_ref(*cq_head_).store(head, std::memory_order_release);
  }

 private:
  Uring() = default;

  UniqueFd fd_;
  bool no_iowait_ = false;  // a kernel of 6.15 or later
  // The ring's place among those that the submitting thread has registered, where it need not be
  // looked up among the descriptors of the process; without one (it has 16 places) its descriptor.
  std::thread::id thread_;
  int place_ = -1;
  Mapping rings_;
  Mapping entries_;
  io_uring_sqe* sqes_ = nullptr;
  std::uint32_t* sq_head_ = nullptr;   // writer: the kernel
  std::uint32_t* sq_tail_ = nullptr;   // writer: this thread
  std::uint32_t* sq_flags_ = nullptr;  // writer: the kernel
  std::uint32_t sq_mask_ = 0;
  std::uint32_t sq_next_ = 0;         // entries filled in so far
  std::uint32_t* cq_head_ = nullptr;  // writer: this thread
  std::uint32_t* cq_tail_ = nullptr;  // writer: the kernel
  std::uint32_t* cq_lost_ = nullptr;  // completions that were lost; writer: the kernel
  std::uint32_t lost_seen_ = 0;       // of these
  bool lost_ = false;                 // TakeLoss
  io_uring_cqe* cqes_ = nullptr;
  std::uint32_t cq_mask_ = 0;
};

}  // namespace echogw
