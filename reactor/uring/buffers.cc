#include "reactor/uring/buffers.h"

#include <linux/io_uring.h>

#include <atomic>
#include <cerrno>
#include <utility>

namespace echogw {
namespace {

constexpr std::size_t kCacheLine = 64;

}  // namespace

absl::StatusOr<std::unique_ptr<UringBuffers>> UringBuffers::Create(const Uring& ring,
                                                                   std::uint16_t count,
                                                                   std::size_t bytes) {
  std::unique_ptr<UringBuffers> buffers(new UringBuffers());
  buffers->contents_.resize(count);
  buffers->bytes_ = bytes;
  buffers->stride_ = (bytes + 2 * kCacheLine - 1) / kCacheLine * kCacheLine;
  buffers->ring_ = Mapping(count * sizeof(io_uring_buf), -1, 0);
  buffers->memory_ = Mapping(count * buffers->stride_, -1, 0);
  if (!buffers->ring_.valid() || !buffers->memory_.valid()) {
    return absl::ErrnoToStatus(errno, "mmap of the buffers of an io_uring");
  }
  io_uring_buf_reg request{};
  request.ring_addr = reinterpret_cast<std::uint64_t>(buffers->ring_.at(0));
  request.ring_entries = count;
  request.bgid = kGroup;
  if (ring.Register(IORING_REGISTER_PBUF_RING, &request, 1) != 0) {
    return absl::ErrnoToStatus(errno, "io_uring_register of a ring of buffers");
  }
  for (Id i = 0; i < count; ++i) buffers->Return(i);
  buffers->Publish();
  return buffers;
}

void UringBuffers::Return(Id id) noexcept {
  auto* entries = reinterpret_cast<io_uring_buf*>(ring_.at(0));
  // Field by field: the tail of the ring lies in the first entry.
  io_uring_buf& entry = entries[tail_++ & (contents_.size() - 1)];
  entry.addr = reinterpret_cast<std::uint64_t>(At(id));
  entry.len = static_cast<std::uint32_t>(bytes_);
  entry.bid = id;
}

void UringBuffers::Publish() noexcept {
  auto* entries = reinterpret_cast<io_uring_buf*>(ring_.at(0));
  // Writer: this thread. Reader: the kernel, which must see the entries before the tail.
  std::atomic_ref(entries[0].resv).store(tail_, std::memory_order_release);
}

void UringBuffers::Fill(Id id, std::uint32_t bytes) noexcept {
  ++taken_;
  contents_[id] = {.begin = 0, .end = bytes, .next = kNone};
}

void UringBuffers::GiveBack(Id id) noexcept {
  Return(id);
  --taken_;
}

std::span<std::byte> UringBuffers::BytesOf(Id id) const noexcept {
  const Content& content = contents_[id];
  return {At(id) + content.begin, content.end - content.begin};
}

void UringBuffers::Push(Queue& queue, Id id) noexcept {
  (queue.empty() ? queue.first : contents_[queue.last].next) = id;
  queue.last = id;
}

UringBuffers::Id UringBuffers::Pop(Queue& queue) noexcept {
  return std::exchange(queue.first, contents_[queue.first].next);
}

std::span<std::byte> UringBuffers::Borrow(int fd, Id id) noexcept {
  borrower_ = fd;
  borrowed_ = id;
  return BytesOf(id);
}

UringBuffers::Id UringBuffers::Reclaim(int fd, std::span<const std::byte> from) noexcept {
  if (borrowed_ == kNone || borrower_ != fd || from.data() != BytesOf(borrowed_).data()) {
    return kNone;
  }
  Content& content = contents_[borrowed_];
  content.end = content.begin + static_cast<std::uint32_t>(from.size());
  return std::exchange(borrowed_, kNone);
}

void UringBuffers::ReturnBorrowed() noexcept {
  if (borrowed_ != kNone) GiveBack(std::exchange(borrowed_, kNone));
}

}  // namespace echogw
