// The buffers that the kernel receives into, and what they hold. The kernel takes them in order and
// they come back to it. They lie one cache line further apart than they are long: short messages
// would otherwise all compete for the same lines of a cache. Reactor's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "reactor/uring/mapping.h"
#include "reactor/uring/ring.h"

namespace echogw {

class UringBuffers {
 public:
  using Id = std::uint16_t;
  static constexpr Id kNone = UINT16_MAX;
  // The only group of a ring.
  static constexpr std::uint16_t kGroup = 0;

  // Filled buffers in order of arrival.
  struct Queue {
    Id first = kNone;
    Id last = kNone;
    [[nodiscard]] bool empty() const noexcept { return first == kNone; }
  };

  // `count` buffers, a power of two of at most 32768. Errors: no memory, or the kernel does not
  // support rings of buffers.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<UringBuffers>> Create(const Uring& ring,
                                                                            std::uint16_t count,
                                                                            std::size_t bytes);

  // The kernel has none to receive into.
  [[nodiscard]] bool exhausted() const noexcept { return taken_ >= contents_.size(); }
  // The kernel used the buffer, and filled it with so many bytes.
  void Fill(Id id, std::uint32_t bytes) noexcept;
  // Gives it back; the kernel sees that after Publish.
  void GiveBack(Id id) noexcept;
  void Publish() noexcept;

  [[nodiscard]] std::span<std::byte> BytesOf(Id id) const noexcept;
  void DropFront(Id id, std::uint32_t bytes) noexcept { contents_[id].begin += bytes; }
  void Push(Queue& queue, Id id) noexcept;
  [[nodiscard]] Id Pop(Queue& queue) noexcept;

  // One buffer at a time is borrowed by the reader of a connection: until Reclaim takes it for a
  // send, or ReturnBorrowed gives it back.
  [[nodiscard]] std::span<std::byte> Borrow(int fd, Id id) noexcept;
  // The borrowed buffer, cut to `from`, if that is where it begins; else kNone.
  [[nodiscard]] Id Reclaim(int fd, std::span<const std::byte> from) noexcept;
  void ReturnBorrowed() noexcept;

 private:
  struct Content {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    Id next = kNone;
  };

  UringBuffers() = default;

  [[nodiscard]] std::byte* At(Id id) const noexcept {
    return memory_.at(std::size_t{id} * stride_);
  }
  void Return(Id id) noexcept;

  Mapping ring_;
  Mapping memory_;
  std::size_t bytes_ = 0;
  std::size_t stride_ = 0;
  std::uint16_t tail_ = 0;
  std::vector<Content> contents_;  // by id
  std::uint32_t taken_ = 0;        // that the kernel cannot receive into
  int borrower_ = -1;
  Id borrowed_ = kNone;
};

}  // namespace echogw
