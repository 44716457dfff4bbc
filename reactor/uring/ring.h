// A bare io_uring(7): the two rings that are shared with the kernel, and the buffers that the
// kernel fills when it receives. It knows nothing of connections; UringEngine gives the entries a
// meaning.
//
// Made on any thread; from Enable on it belongs to the thread that called it, the only one the
// kernel lets submit. Completions are produced inside Enter alone, so nothing here is concurrent
// but with the kernel, whose ends of the rings are read and written as its ABI asks.
#pragma once

#include <linux/io_uring.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>

#include "absl/status/statusor.h"
#include "reactor/base/clock.h"
#include "reactor/base/unique_fd.h"

namespace echogw {

// Memory mapped into this process; unmapped with the object.
class Mapping {
 public:
  Mapping() = default;
  // `fd` negative: anonymous and zeroed. Invalid when the system has no room.
  Mapping(std::size_t bytes, int fd, std::uint64_t offset) noexcept;
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  [[nodiscard]] bool valid() const noexcept { return at_ != nullptr; }
  [[nodiscard]] std::byte* at(std::size_t offset) const noexcept { return at_ + offset; }

 private:
  std::byte* at_ = nullptr;
  std::size_t bytes_ = 0;
};

class Uring {
 public:
  // `entries` submissions, a power of two, and eight times as many completions. Errors: without an
  // io_uring, or with one that is too old (before Linux 6.1), a line that says so and what to do.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Uring>> Create(std::uint32_t entries);

  Uring(const Uring&) = delete;
  Uring& operator=(const Uring&) = delete;

  ~Uring();

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

  // The calling thread submits from here on. Before the first Enter, once.
  void Enable() noexcept;

  // The next entry to fill in, zeroed; null when there is room only after an Enter.
  [[nodiscard]] io_uring_sqe* Next() noexcept;

  // Whether this kernel loses nobody whom it accepts by a multishot accept. Until 6.15 it could
  // when the completions were full: one accepted got no completion but -ECANCELED (f6a89bf5278d),
  // or one with a number that is no descriptor (a37ee9e117ef, 6.8).
  [[nodiscard]] bool accepts_reliably() const noexcept { return accepts_reliably_; }

  // Hands over all entries, runs what is due, and waits for a completion: at most `timeout`
  // (kNever: without end; 0: not at all). A signal ends the wait, too.
  void Enter(Nanos timeout) noexcept;

  // True: completions wait in the kernel for room in the ring; Reap, then Enter.
  [[nodiscard]] bool overflowed() const noexcept {
    return (std::atomic_ref(*sq_flags_).load(std::memory_order_relaxed) & IORING_SQ_CQ_OVERFLOW) !=
           0;
  }

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
  bool accepts_reliably_ = false;
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
  io_uring_cqe* cqes_ = nullptr;
  std::uint32_t cq_mask_ = 0;
};

// Buffers that the kernel takes one after the other to receive into, and that come back to it. They
// lie a cache line further apart than they are long: short messages would otherwise all compete for
// the same lines of a cache.
class UringBuffers {
 public:
  // The only group of a ring.
  static constexpr std::uint16_t kGroup = 0;

  // `count` buffers, a power of two of at most 32768. Errors: no memory, or no such ring of
  // buffers in this kernel.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<UringBuffers>> Create(const Uring& ring,
                                                                            std::uint16_t count,
                                                                            std::size_t bytes);

  [[nodiscard]] std::uint16_t count() const noexcept { return count_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::byte* at(std::uint16_t id) const noexcept {
    return memory_.at(std::size_t{id} * stride_);
  }
  // Gives a buffer back; the kernel sees it after Publish.
  void Return(std::uint16_t id) noexcept;
  void Publish() noexcept;

 private:
  UringBuffers() = default;

  Mapping ring_;
  Mapping memory_;
  std::uint16_t count_ = 0;
  std::size_t bytes_ = 0;
  std::size_t stride_ = 0;
  std::uint16_t tail_ = 0;
};

}  // namespace echogw
