#include "reactor/uring/uring_engine.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <utility>

#include "reactor/base/check.h"

namespace echogw {
namespace {

constexpr std::uint32_t kEntries = 128;  // submissions of one call; more take another call
// All buffers of a reactor together: enough that those of one turn and of the turn before seldom
// run out, few enough to stay in a cache when messages are small.
constexpr std::size_t kBuffersBytes = std::size_t{8} * 1024 * 1024;
constexpr std::size_t kBuffersMin = 64;
constexpr std::size_t kBuffersMax = 512;

// Descriptors that were given out before their place is used anew.
constexpr std::size_t kGivenMax = 1024;

std::uint16_t BufferCount(std::size_t bytes) {
  const std::size_t fit = std::clamp(kBuffersBytes / bytes, kBuffersMin, kBuffersMax);
  return static_cast<std::uint16_t>(std::bit_floor(fit));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Poller>> UringEngine::Create(const PollerDeps& deps) {
  auto ring = Uring::Create(kEntries);
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
      budget_(ring->accepts_reliably() ? deps.budget : nullptr),
      counters_(deps.counters),
      ring_(std::move(ring)),
      buffers_(std::move(buffers)),
      receive_max_(static_cast<std::uint32_t>(deps.buffer_bytes)),
      buffer_(buffers_->count()) {
  sends_.reserve(kEntries);
  if (budget_ != nullptr) budget_->AddEngine();
}

UringEngine::~UringEngine() {
  if (budget_ != nullptr) budget_->RemoveEngine();
}

// ---- descriptors ----

UringEngine::Watch* UringEngine::Find(int fd) noexcept {
  const auto at = static_cast<std::size_t>(fd);
  if (at >= by_fd_.size() || by_fd_[at] == 0) return nullptr;
  return &At(by_fd_[at] - 1);
}

std::uint32_t UringEngine::IndexOf(const Watch& w) const noexcept {
  return by_fd_[static_cast<std::size_t>(w.fd)] - 1;
}

UringEngine::Watch& UringEngine::Take(int fd, std::uint64_t token) {
  if (Watch* left = Find(fd); left != nullptr) {
    CHECK(left->removed);
    Forget(*left);
  }
  if (free_.empty()) {
    const auto first = static_cast<std::uint32_t>(chunks_.size()) * kChunk;
    chunks_.push_back(std::make_unique<Watch[]>(kChunk));
    for (std::uint32_t i = kChunk; i-- > 0;) free_.push_back(first + i);
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  const auto at = static_cast<std::size_t>(fd);
  if (at >= by_fd_.size()) by_fd_.resize(std::max(at + 1, by_fd_.size() * 2));
  by_fd_[at] = index + 1;
  Watch& w = At(index);
  const std::uint32_t generation = w.generation + 1;
  w = Watch{};
  w.token = token;
  w.fd = fd;
  w.generation = generation;
  return w;
}

// Completions that are still to come find another generation, or none.
void UringEngine::Forget(Watch& w) noexcept {
  ReturnAll(w);
  if (w.accepted != kNone) {
    CHECK(AcceptedOf(w).empty());  // the reactor has taken them all
    accepted_free_.push_back(w.accepted);
  }
  const std::uint32_t index = IndexOf(w);
  by_fd_[static_cast<std::size_t>(w.fd)] = 0;
  w.fd = -1;
  w.events = 0;
  w.wants = 0;
  free_.push_back(index);
}

void UringEngine::Announce(Watch& w, std::uint32_t events) {
  if (w.events == 0) ready_.push_back(IndexOf(w));
  w.events |= events;
}

void UringEngine::Ask(Watch& w, std::uint8_t wants) {
  if (w.wants == 0) work_.push_back(IndexOf(w));
  w.wants |= wants;
}

int UringEngine::Add(int fd, std::uint64_t token, std::uint32_t interest, bool edge) noexcept {
  Watch& w = Take(fd, token);
  w.connection = edge;
  if (!edge) {
    w.interest = static_cast<std::uint16_t>(interest & ~kInterestPrefetch);
    if ((interest & kInterestPrefetch) != 0 && budget_ != nullptr) {
      if (accepted_free_.empty()) {
        accepted_free_.push_back(static_cast<std::uint16_t>(accepted_.size()));
        accepted_.emplace_back();
      }
      w.accepted = accepted_free_.back();
      accepted_free_.pop_back();
      AcceptedOf(w).watch = IndexOf(w);
    }
    Ask(w, kWantPoll);
    return 0;
  }
  if ((interest & kInterestWrite) != 0) {
    // It comes with bytes that its client did not take: no more is received until it does.
    w.blocked = true;
    Ask(w, kWantPollOut);
  } else {
    Ask(w, kWantReceive);
  }
  return 0;
}

int UringEngine::SetInterest(int fd, std::uint64_t token, std::uint32_t interest,
                             bool edge) noexcept {
  Watch* w = Find(fd);
  CHECK(w != nullptr);
  if (!w->connection) {
    Remove(fd);
    return Add(fd, token, interest, edge);
  }
  // What a connection waits for follows from what became of its sends.
  w->token = token;
  if (!w->blocked) w->events &= kEventPrefetched;
  if (w->blocked) return 0;
  if ((interest & kInterestRead) != 0 && w->first != kNone) Announce(*w, EPOLLIN);
  if ((interest & kInterestWrite) != 0) Announce(*w, EPOLLOUT);
  return 0;
}

// Sends what is queued and ends receiving. What the kernel is just about to work on it does not
// find: then it is asked again.
void UringEngine::StopReceiving(Watch& w) noexcept {
  while (w.sending || w.receiving) {
    if (w.receiving) QueueCancel(Op::kReceive, w);
    Enter(0);
  }
  w.wants &= static_cast<std::uint8_t>(~(kWantReceive | kWantNoReceive));
}

// Ends all that the kernel does for the descriptor: whoever gets it next, or its number, meets
// nothing of that.
void UringEngine::Quiesce(Watch& w) noexcept {
  StopReceiving(w);
  while (w.polling) {
    QueueCancel(w.connection ? Op::kPollOut : Op::kPoll, w);
    Enter(0);
  }
  while (w.accepting) {
    QueueCancel(Op::kAccept, w);
    Enter(0);
  }
  w.wants = 0;
}

void UringEngine::Remove(int fd) noexcept {
  ReturnLent();
  Watch* w = Find(fd);
  CHECK(w != nullptr && !w->removed);  // only an fd that is not watched can fail here: our bug
  Quiesce(*w);
  const bool left = w->accepted != kNone && !AcceptedOf(*w).empty();
  if (!w->connection && !left) return Forget(*w);
  w->removed = true;
  w->events = 0;
}

void UringEngine::Closing(int fd) noexcept {
  ReturnLent();
  Watch* w = Find(fd);
  CHECK(w != nullptr && !w->removed);
  Quiesce(*w);
  Forget(*w);
}

// The client takes no more.
void UringEngine::Block(Watch& w) {
  w.blocked = true;
  Ask(w, kWantPollOut | kWantNoReceive);
  if (w.unsent != kNone || w.first != kNone) Announce(w, kEventPrefetched);
}

// ---- buffers ----

void UringEngine::GiveBack(std::uint16_t buffer) noexcept {
  buffers_->Return(buffer);
  --buffers_taken_;
}

void UringEngine::ReturnLent() noexcept {
  if (lent_ == kNone) return;
  GiveBack(lent_);
  lent_ = kNone;
}

void UringEngine::ReturnAll(Watch& w) noexcept {
  if (w.unsent != kNone) GiveBack(std::exchange(w.unsent, kNone));
  while (w.first != kNone) GiveBack(std::exchange(w.first, buffer_[w.first].next));
  w.last = kNone;
}

std::span<std::byte> UringEngine::BytesOf(std::uint16_t buffer) const noexcept {
  const Buffer& b = buffer_[buffer];
  return {buffers_->at(buffer) + b.begin, b.end - b.begin};
}

// Hands out the oldest that was received; there is one.
std::span<std::byte> UringEngine::Lend(Watch& w) noexcept {
  lent_ = w.first;
  lent_fd_ = w.fd;
  w.first = buffer_[lent_].next;
  if (w.first == kNone) w.last = kNone;
  return BytesOf(lent_);
}

Prefetched UringEngine::TakePrefetched(int fd) noexcept {
  ReturnLent();
  Watch* w = Find(fd);
  if (w == nullptr) return {};
  if (w->unsent != kNone) {
    lent_ = std::exchange(w->unsent, kNone);
    lent_fd_ = fd;
    return {.bytes = BytesOf(lent_), .unsent = true};
  }
  if (w->first != kNone) return {.bytes = Lend(*w)};
  if (w->removed) Forget(*w);
  return {};
}

// ---- what the reactor calls for a connection ----

IoResult UringEngine::Read(int fd, std::span<std::byte>& buffer) noexcept {
  ReturnLent();
  Watch& w = *Find(fd);
  if (w.broken || w.blocked || w.unsent != kNone) [[unlikely]] {
    if (w.broken) return {IoStatus::kError, 0, w.error};
    return {IoStatus::kWouldBlock, 0, 0};  // what is unsent goes first: the reactor is told of it
  }
  if (w.sending) {
    if (w.receiving && !w.cancelling) {
      // One buffer a turn is on its way; the next one's turn is the next.
      if (w.first != kNone) Announce(w, EPOLLIN);
      return {IoStatus::kWouldBlock, 0, 0};
    }
    Enter(0);
    return Read(fd, buffer);
  }
  if (w.first != kNone) [[likely]] {
    buffer = Lend(w);
    if (w.first != kNone) Announce(w, EPOLLIN);
    return {IoStatus::kOk, buffer.size(), 0};
  }
  if (w.error != 0) return {IoStatus::kError, 0, w.error};
  if (w.ended) return {IoStatus::kEof, 0, 0};
  if (w.receiving) {
    if (!w.cancelling) return {IoStatus::kWouldBlock, 0, 0};
    StopReceiving(w);
    return Read(fd, buffer);
  }
  // Nothing is received ahead at the moment: the kernel itself knows what there is. After a short
  // read it is not asked again for this turn, so that what comes next must be reported.
  const IoResult result = io_.Read(fd, buffer);
  if (result.status == IoStatus::kWouldBlock ||
      (result.status == IoStatus::kOk && result.bytes < buffer.size())) {
    Ask(w, kWantReceive);
  }
  return result;
}

IoResult UringEngine::Write(int fd, std::span<const std::byte> from) noexcept {
  if (lent_ != kNone && lent_fd_ == fd && from.data() == BytesOf(lent_).data()) [[likely]] {
    Watch& w = *Find(fd);
    const std::uint16_t buffer = std::exchange(lent_, kNone);
    buffer_[buffer].end = buffer_[buffer].begin + static_cast<std::uint32_t>(from.size());
    QueueSend(w, buffer);
    return {IoStatus::kQueued, 0, 0};
  }
  Watch& w = *Find(fd);
  if (w.sending) Enter(0);
  if (w.broken) return {IoStatus::kError, 0, w.error};
  if (w.blocked || w.unsent != kNone) return {IoStatus::kWouldBlock, 0, 0};
  const IoResult result = io_.Write(fd, from);
  if (result.status == IoStatus::kWouldBlock || result.bytes < from.size()) Block(w);
  return result;
}

// ---- accepting and closing ----

// There is one.
int UringEngine::NextAccepted(Watch& w) noexcept {
  Accepted& accepted = AcceptedOf(w);
  const int fd = accepted.fds[accepted.given++];
  // Under a steady load it may never be empty.
  if (accepted.empty() || accepted.given == kGivenMax) {
    accepted.fds.erase(accepted.fds.begin(),
                       accepted.fds.begin() + static_cast<std::ptrdiff_t>(accepted.given));
    accepted.given = 0;
  }
  return fd;
}

// Descriptors get few: from here on they are asked for one by one.
void UringEngine::StopAccepting() {
  for (std::size_t i = 0; i < accepted_.size(); ++i) {
    Watch& w = At(accepted_[i].watch);
    if (w.fd >= 0 && w.accepted == i && w.accepting) Ask(w, kWantNoAccept);
  }
}

AcceptResult UringEngine::Accept(int listener) noexcept {
  if (Watch* w = Find(listener); w != nullptr && w->accepted != kNone) {
    if (!AcceptedOf(*w).empty()) {
      const int fd = NextAccepted(*w);
      if (!AcceptedOf(*w).empty() || w->error != 0) Announce(*w, EPOLLIN);
      return fd;
    }
    if (w->error != 0) return -std::exchange(w->error, 0);
    if (w->accepting) return -EAGAIN;
  }
  const AcceptResult result = io_.Accept(listener);
  if ((result != -EMFILE && result != -ENFILE) || !closes_queued_) [[likely]]
    return result;
  Enter(0);
  return io_.Accept(listener);
}

AcceptResult UringEngine::TakeAccepted(int listener) noexcept {
  Watch* w = Find(listener);
  if (w == nullptr || !w->removed || w->accepted == kNone) return -EAGAIN;
  const int fd = NextAccepted(*w);
  if (AcceptedOf(*w).empty()) Forget(*w);
  return fd;
}

// From here on Read asks the kernel itself, until it says that there is nothing.
void UringEngine::CatchUp(int fd) noexcept {
  if (Watch* w = Find(fd); w != nullptr) StopReceiving(*w);
}

bool UringEngine::Flush(int fd) noexcept {
  Watch* w = Find(fd);
  if (w == nullptr) return true;
  if (w->sending) Enter(0);
  return !w->blocked && w->unsent == kNone;
}

}  // namespace echogw
