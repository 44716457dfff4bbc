#include "reactor/uring/uring_engine.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <utility>

#include "reactor/base/check.h"

namespace echogw {
namespace {

// All buffers of a reactor together: enough for those of one turn and of the turn before, few
// enough to stay in a cache when messages are small.
constexpr std::size_t kBuffersBytes = std::size_t{8} * 1024 * 1024;
constexpr std::size_t kBuffersMin = 64;
constexpr std::size_t kBuffersMax = 512;

constexpr UringBuffers::Id kNone = UringBuffers::kNone;

std::uint16_t BufferCount(std::size_t bytes) {
  const std::size_t fit = std::clamp(kBuffersBytes / bytes, kBuffersMin, kBuffersMax);
  return static_cast<std::uint16_t>(std::bit_floor(fit));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Poller>> UringEngine::Create(const PollerDeps& deps) {
  auto ring = Uring::Create(UringRequests::kEntries);
  if (!ring.ok()) return ring.status();
  auto buffers = UringBuffers::Create(**ring, BufferCount(deps.buffer_bytes), deps.buffer_bytes);
  if (!buffers.ok()) return buffers.status();
  return std::unique_ptr<Poller>(new UringEngine(deps, *std::move(ring), *std::move(buffers)));
}

absl::Status UringEngine::Available() {
  auto ring = Uring::Create(1);
  if (!ring.ok()) return ring.status();
  return UringBuffers::Create(**ring, 1, 1).status();
}

UringEngine::UringEngine(const PollerDeps& deps, std::unique_ptr<Uring> ring,
                         std::unique_ptr<UringBuffers> buffers)
    : io_(deps.io),
      buffers_(std::move(buffers)),
      requests_(std::move(ring), watches_, *buffers_, deps.counters, deps.budget,
                static_cast<std::uint32_t>(deps.buffer_bytes)) {}

// ---- descriptors ----

void UringEngine::Forget(UringWatch& w) noexcept {
  if (w.unsent != kNone) buffers_->GiveBack(std::exchange(w.unsent, kNone));
  while (!w.received.empty()) buffers_->GiveBack(buffers_->Pop(w.received));
  watches_.Remove(w);
}

int UringEngine::Add(int fd, std::uint64_t token, std::uint32_t interest, bool edge) noexcept {
  if (UringWatch* left = watches_.Find(fd); left != nullptr) {
    CHECK(left->removed);
    Forget(*left);
  }
  UringWatch& w = watches_.Add(fd, token);
  w.connection = edge;
  if (!edge) {
    w.interest = static_cast<std::uint16_t>(interest & ~kInterestPrefetch);
    if ((interest & kInterestPrefetch) != 0 && requests_.prefetches()) {
      w.accepted = std::make_unique<AcceptQueue>();
    }
    requests_.Ask(w, UringRequests::kPoll);
    return 0;
  }
  // A connection may arrive with bytes that its client did not take: no more is received until it
  // does.
  w.blocked = (interest & kInterestWrite) != 0;
  requests_.Ask(w, w.blocked ? UringRequests::kPollOut : UringRequests::kReceive);
  return 0;
}

int UringEngine::SetInterest(int fd, std::uint64_t token, std::uint32_t interest,
                             bool edge) noexcept {
  UringWatch* w = watches_.Find(fd);
  CHECK(w != nullptr);
  if (!w->connection) {
    Remove(fd);
    return Add(fd, token, interest, edge);
  }
  // What a connection waits for follows from what became of its sends.
  w->token = token;
  if (w->blocked) return 0;
  w->events &= kEventPrefetched;
  if ((interest & kInterestRead) != 0 && !w->received.empty()) watches_.Announce(*w, EPOLLIN);
  if ((interest & kInterestWrite) != 0) watches_.Announce(*w, EPOLLOUT);
  return 0;
}

void UringEngine::Remove(int fd) noexcept {
  buffers_->ReturnBorrowed();
  UringWatch* w = watches_.Find(fd);
  CHECK(w != nullptr && !w->removed);  // only a descriptor that is not watched fails: our bug
  requests_.Quiesce(*w);
  const bool holds_connections = w->accepted != nullptr && !w->accepted->empty();
  if (!w->connection && !holds_connections) return Forget(*w);
  w->removed = true;
  w->events = 0;
}

void UringEngine::Closing(int fd) noexcept {
  buffers_->ReturnBorrowed();
  UringWatch* w = watches_.Find(fd);
  CHECK(w != nullptr && !w->removed);
  requests_.Quiesce(*w);
  Forget(*w);
}

std::size_t UringEngine::Wait(std::span<epoll_event> events, Nanos timeout) noexcept {
  buffers_->ReturnBorrowed();
  requests_.Wait(timeout);
  return Report(events);
}

std::size_t UringEngine::Report(std::span<epoll_event> events) noexcept {
  std::size_t n = 0;
  for (const std::uint32_t index : watches_.TakeReady()) {
    UringWatch& w = watches_.At(index);
    if (w.events == 0) continue;  // reported by an earlier entry, or gone
    if (n == events.size()) {
      watches_.PutBack(index);
      continue;
    }
    const std::uint32_t mask = std::exchange(w.events, 0);
    // What was announced may have been taken in the meantime.
    if (mask == EPOLLIN && w.connection && !w.holds_bytes() && !w.ended && w.error == 0) continue;
    if (mask == kEventPrefetched && !w.holds_bytes()) continue;
    events[n].data.u64 = w.token;
    events[n].events = mask;
    ++n;
    if (!w.connection && !w.accepting) requests_.Ask(w, UringRequests::kPoll);  // level-triggered
  }
  return n;
}

// ---- bytes ----

std::span<std::byte> UringEngine::BorrowOldest(UringWatch& w) noexcept {
  return buffers_->Borrow(w.fd, buffers_->Pop(w.received));
}

Prefetched UringEngine::TakePrefetched(int fd) noexcept {
  buffers_->ReturnBorrowed();
  UringWatch* w = watches_.Find(fd);
  if (w == nullptr) return {};
  if (w->unsent != kNone) {
    return {.bytes = buffers_->Borrow(fd, std::exchange(w->unsent, kNone)), .unsent = true};
  }
  if (!w->received.empty()) return {.bytes = BorrowOldest(*w)};
  if (w->removed) Forget(*w);
  return {};
}

IoResult UringEngine::Read(int fd, std::span<std::byte>& buffer) noexcept {
  buffers_->ReturnBorrowed();
  UringWatch& w = *watches_.Find(fd);
  if (w.broken || w.blocked || w.unsent != kNone) [[unlikely]] {
    if (w.broken) return {IoStatus::kError, 0, w.error};
    return {IoStatus::kWouldBlock, 0, 0};  // unsent bytes go first: the reactor hears of them
  }
  if (w.sending) {
    if (w.receiving && !w.cancelling) {
      // One buffer a turn is on its way; the next one belongs to the next turn.
      if (!w.received.empty()) watches_.Announce(w, EPOLLIN);
      return {IoStatus::kWouldBlock, 0, 0};
    }
    requests_.Enter(0);
    return Read(fd, buffer);
  }
  if (!w.received.empty()) [[likely]] {
    buffer = BorrowOldest(w);
    if (!w.received.empty()) watches_.Announce(w, EPOLLIN);
    return {IoStatus::kOk, buffer.size(), 0};
  }
  if (w.error != 0) return {IoStatus::kError, 0, w.error};
  if (w.ended) return {IoStatus::kEof, 0, 0};
  if (w.receiving) {
    if (!w.cancelling) return {IoStatus::kWouldBlock, 0, 0};
    requests_.StopReceiving(w);
    return Read(fd, buffer);
  }
  // Nothing is being received, so the kernel knows what there is. After a short read it is not
  // asked again in this turn, so what arrives next must be reported.
  const IoResult result = io_.Read(fd, buffer);
  if (result.status == IoStatus::kWouldBlock ||
      (result.status == IoStatus::kOk && result.bytes < buffer.size())) {
    requests_.Ask(w, UringRequests::kReceive);
  }
  return result;
}

IoResult UringEngine::Write(int fd, std::span<const std::byte> from) noexcept {
  UringWatch& w = *watches_.Find(fd);
  if (const UringBuffers::Id borrowed = buffers_->Reclaim(fd, from); borrowed != kNone) [[likely]] {
    requests_.Send(w, borrowed);
    return {IoStatus::kQueued, 0, 0};
  }
  if (w.sending) requests_.Enter(0);
  if (w.broken) return {IoStatus::kError, 0, w.error};
  if (w.blocked || w.unsent != kNone) return {IoStatus::kWouldBlock, 0, 0};
  const IoResult result = io_.Write(fd, from);
  if (result.status == IoStatus::kWouldBlock || result.bytes < from.size()) requests_.Block(w);
  return result;
}

void UringEngine::CatchUp(int fd) noexcept {
  if (UringWatch* w = watches_.Find(fd); w != nullptr) requests_.StopReceiving(*w);
}

bool UringEngine::Flush(int fd) noexcept {
  UringWatch* w = watches_.Find(fd);
  if (w == nullptr) return true;
  if (w->sending) requests_.Enter(0);
  return !w->blocked && w->unsent == kNone;
}

// ---- connections ----

AcceptResult UringEngine::Accept(int listener) noexcept {
  if (UringWatch* w = watches_.Find(listener); w != nullptr && w->accepted != nullptr) {
    if (!w->accepted->empty()) {
      const int fd = w->accepted->Pop();
      if (!w->accepted->empty() || w->error != 0) watches_.Announce(*w, EPOLLIN);
      return fd;
    }
    if (w->error != 0) return -std::exchange(w->error, 0);
    if (w->accepting) return -EAGAIN;
  }
  const AcceptResult result = io_.Accept(listener);
  if ((result != -EMFILE && result != -ENFILE) || !requests_.closes_queued()) [[likely]]
    return result;
  requests_.Enter(0);
  return io_.Accept(listener);
}

AcceptResult UringEngine::TakeAccepted(int listener) noexcept {
  UringWatch* w = watches_.Find(listener);
  if (w == nullptr || !w->removed || w->accepted == nullptr) return -EAGAIN;
  const int fd = w->accepted->Pop();
  if (w->accepted->empty()) Forget(*w);
  return fd;
}

}  // namespace echogw
