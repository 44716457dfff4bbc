// The engine's conversation with the kernel: what is asked of it, and what it answers.
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "reactor/base/check.h"
#include "reactor/uring/uring_engine.h"

namespace echogw {
namespace {

// What comes back with a completion: the operation, 28 bits of the generation, the index.
constexpr unsigned kOpShift = 60;
constexpr unsigned kGenerationShift = 32;
constexpr std::uint32_t kGenerationMask = (1U << 28U) - 1;

constexpr std::uint64_t UserData(std::uint8_t op, std::uint32_t generation, std::uint32_t index) {
  return std::uint64_t{op} << kOpShift |
         std::uint64_t{generation & kGenerationMask} << kGenerationShift | index;
}

// After so many bytes the receive ends, and is asked for again: what one client sends cannot take
// all buffers. Younger than the headers of Debian 12, where the field has another name.
void SetReceiveMax(io_uring_sqe& sqe, std::uint32_t bytes) { sqe.file_index = bytes; }

}  // namespace

// ---- what is asked ----

io_uring_sqe& UringEngine::NextEntry() noexcept {
  io_uring_sqe* sqe = ring_->Next();
  while (sqe == nullptr) [[unlikely]] {
      Enter(0);
      sqe = ring_->Next();
    }
  return *sqe;
}

io_uring_sqe& UringEngine::NextEntry(Op op, std::uint8_t opcode, const Watch& w) noexcept {
  io_uring_sqe& sqe = NextEntry();
  sqe.opcode = opcode;
  sqe.fd = w.fd;
  sqe.user_data = UserData(static_cast<std::uint8_t>(op), w.generation, IndexOf(w));
  return sqe;
}

void UringEngine::QueueSend(Watch& w, std::uint16_t buffer) noexcept {
  const std::span<std::byte> bytes = BytesOf(buffer);
  io_uring_sqe& sqe = NextEntry();  // may Enter, so sends_ is looked at after it
  sqe.opcode = IORING_OP_SEND;
  // Done when Enter returns: there is a completion only if not all of it was taken.
  sqe.flags = IOSQE_CQE_SKIP_SUCCESS;
  sqe.msg_flags = MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL;
  sqe.fd = w.fd;
  sqe.addr = reinterpret_cast<std::uint64_t>(bytes.data());
  sqe.len = static_cast<std::uint32_t>(bytes.size());
  sqe.user_data =
      UserData(static_cast<std::uint8_t>(Op::kSend), 0, static_cast<std::uint32_t>(sends_.size()));
  sends_.push_back(
      {.watch = IndexOf(w), .buffer = buffer, .result = static_cast<int>(bytes.size())});
  sends_bytes_ += bytes.size();
  w.sending = true;
}

void UringEngine::Close(int fd) noexcept {
  io_uring_sqe& sqe = NextEntry();
  sqe.opcode = IORING_OP_CLOSE;
  sqe.flags = IOSQE_CQE_SKIP_SUCCESS;
  sqe.fd = fd;
  sqe.user_data = UserData(static_cast<std::uint8_t>(Op::kClose), 0, 0);
  closes_queued_ = true;
}

void UringEngine::QueueCancel(Op op, Watch& w) noexcept {
  io_uring_sqe& sqe = NextEntry(Op::kCancel, IORING_OP_ASYNC_CANCEL, w);
  sqe.fd = -1;
  sqe.flags = IOSQE_CQE_SKIP_SUCCESS;
  sqe.addr = UserData(static_cast<std::uint8_t>(op), w.generation, IndexOf(w));
  if (op == Op::kReceive) w.cancelling = true;
}

// Of what is no connection; a listener is accepted from where that is asked for and has room.
void UringEngine::QueuePoll(Watch& w) noexcept {
  if (w.accepted != kNone && budget_->MayPrefetch()) {
    io_uring_sqe& sqe = NextEntry(Op::kAccept, IORING_OP_ACCEPT, w);
    sqe.ioprio = IORING_ACCEPT_MULTISHOT;
    sqe.accept_flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    w.accepting = true;
    ++accepting_;
    return;
  }
  NextEntry(Op::kPoll, IORING_OP_POLL_ADD, w).poll32_events = w.interest;
  w.polling = true;
}

void UringEngine::QueueWorkOf(Watch& w, std::uint8_t wants) noexcept {
  if ((wants & kWantPoll) != 0 && !w.polling && !w.accepting) QueuePoll(w);
  if ((wants & kWantNoAccept) != 0 && w.accepting) QueueCancel(Op::kAccept, w);
  if ((wants & kWantPollOut) != 0 && !w.polling) {
    NextEntry(Op::kPollOut, IORING_OP_POLL_ADD, w).poll32_events = EPOLLOUT;
    w.polling = true;
  }
  if ((wants & kWantNoReceive) != 0 && w.receiving && w.blocked) QueueCancel(Op::kReceive, w);
  if ((wants & kWantReceive) != 0 && !w.receiving && !w.blocked && !w.ended && w.error == 0) {
    if (buffers_taken_ >= buffers_->count()) return Ask(w, kWantReceive);  // when one comes back
    io_uring_sqe& sqe = NextEntry(Op::kReceive, IORING_OP_RECV, w);
    sqe.ioprio = IORING_RECV_MULTISHOT;
    // A client that has just come has seldom sent already: to try first is mostly in vain.
    if (w.fresh) sqe.ioprio |= IORING_RECVSEND_POLL_FIRST;
    w.fresh = false;
    sqe.flags = IOSQE_BUFFER_SELECT;
    sqe.buf_group = UringBuffers::kGroup;
    SetReceiveMax(sqe, receive_max_);
    w.receiving = true;
    w.limited = receive_max_ != 0;
  }
}

void UringEngine::QueueWork() noexcept {
  work_next_.swap(work_);
  for (const std::uint32_t index : work_next_) {
    Watch& w = At(index);
    const std::uint8_t wants = std::exchange(w.wants, 0);
    if (wants != 0) QueueWorkOf(w, wants);
  }
  work_next_.clear();
}

// ---- the call ----

void UringEngine::Enter(Nanos timeout) noexcept {
  if (!enabled_) {
    ring_->Enable();
    enabled_ = true;
  }
  if (!sends_.empty()) {
    // Counted before it is known: a client may have its echo while this call still waits. What the
    // kernel did not take is counted back at once; then there is no wait.
    counters_.sent_bytes.Add(sends_bytes_);
    counters_.writes.Add(sends_.size());
  }
  ring_->Enter(timeout);
  closes_queued_ = false;
  ring_->Reap([this](const io_uring_cqe& cqe) { OnCompletion(cqe); });
  while (ring_->overflowed()) [[unlikely]] {
      ring_->Enter(0);
      ring_->Reap([this](const io_uring_cqe& cqe) { OnCompletion(cqe); });
    }
  SettleSends();
  buffers_->Publish();
}

void UringEngine::SettleSends() noexcept {
  for (const Send& send : sends_) {
    Watch& w = At(send.watch);
    w.sending = false;
    Buffer& buffer = buffer_[send.buffer];
    const std::uint32_t bytes = buffer.end - buffer.begin;
    if (send.result == static_cast<int>(bytes)) [[likely]] {
      GiveBack(send.buffer);
      continue;
    }
    const std::uint32_t taken = send.result > 0 ? static_cast<std::uint32_t>(send.result) : 0;
    counters_.sent_bytes.Subtract(bytes - taken);
    if (taken == 0) counters_.writes.Subtract(1);
    if (send.result >= 0 || send.result == -EAGAIN) {
      buffer.begin += taken;
      w.unsent = send.buffer;
      Block(w);
      continue;
    }
    GiveBack(send.buffer);
    w.broken = true;
    w.error = static_cast<std::uint16_t>(-send.result);
    Announce(w, EPOLLIN | EPOLLERR | EPOLLHUP);
  }
  sends_.clear();
  sends_bytes_ = 0;
}

std::size_t UringEngine::Wait(std::span<epoll_event> events, Nanos timeout) noexcept {
  ReturnLent();
  if (accepting_ > 0 && !budget_->MayPrefetch()) [[unlikely]]
    StopAccepting();
  QueueWork();
  Enter(ready_.empty() && work_.empty() ? timeout : 0);
  return Emit(events);
}

std::size_t UringEngine::Emit(std::span<epoll_event> events) noexcept {
  std::size_t n = 0;
  ready_next_.swap(ready_);
  for (std::size_t i = 0; i < ready_next_.size(); ++i) {
    Watch& w = At(ready_next_[i]);
    if (w.events == 0) continue;  // told by an earlier entry, or gone
    if (n == events.size()) {
      ready_.push_back(ready_next_[i]);
      continue;
    }
    const std::uint32_t mask = std::exchange(w.events, 0);
    const bool held = w.first != kNone || w.unsent != kNone;
    // What was announced may have been taken in the meantime.
    if (mask == EPOLLIN && w.connection && !held && !w.ended && w.error == 0) continue;
    if (mask == kEventPrefetched && !held) continue;
    events[n].data.u64 = w.token;
    events[n].events = mask;
    ++n;
    if (!w.connection && !w.accepting) Ask(w, kWantPoll);  // level-triggered: asked anew
  }
  ready_next_.clear();
  return n;
}

// ---- what it answers ----

UringEngine::Watch* UringEngine::FindCompleted(std::uint64_t user_data) noexcept {
  Watch& w = At(static_cast<std::uint32_t>(user_data));
  const auto generation = static_cast<std::uint32_t>(user_data >> kGenerationShift);
  return w.fd >= 0 && ((w.generation ^ generation) & kGenerationMask) == 0 ? &w : nullptr;
}

void UringEngine::OnCompletion(const io_uring_cqe& cqe) noexcept {
  const auto op = static_cast<Op>(cqe.user_data >> kOpShift);
  if (op == Op::kSend) {
    sends_[static_cast<std::uint32_t>(cqe.user_data)].result = cqe.res;
    return;
  }
  if (op == Op::kClose) return;  // what could not be closed is gone all the same
  Watch* w = FindCompleted(cqe.user_data);
  CHECK(w != nullptr);  // all that the kernel does for a descriptor ends before it is forgotten
  switch (op) {
    case Op::kReceive:
      return OnReceived(*w, cqe);
    case Op::kPollOut:
      w->polling = false;
      if (cqe.res < 0) return AskAgain(*w, kWantPollOut, cqe.res);
      w->blocked = false;
      return Announce(*w, EPOLLOUT | (static_cast<std::uint32_t>(cqe.res) & (EPOLLERR | EPOLLHUP)));
    case Op::kAccept:
      return OnAccepted(*w, cqe);
    case Op::kPoll:
      w->polling = false;
      if (cqe.res < 0) return AskAgain(*w, kWantPoll, cqe.res);
      return Announce(*w, static_cast<std::uint32_t>(cqe.res));
    default:
      // A cancellation that did not find what it was for. It is asked again if it still matters.
      w->cancelling = false;
      if (w->blocked && w->receiving) Ask(*w, kWantNoReceive);
  }
}

// A poll that failed for want of memory; one that was cancelled has done what it should.
void UringEngine::AskAgain(Watch& w, std::uint8_t want, int result) noexcept {
  if (result != -ECANCELED) Ask(w, want);
}

void UringEngine::OnAccepted(Watch& w, const io_uring_cqe& cqe) noexcept {
  if (cqe.res >= 0) [[likely]] {
    AcceptedOf(w).fds.push_back(cqe.res);
    budget_->Note(cqe.res);
    w.error = 0;  // of before
    Announce(w, EPOLLIN);
  }
  if ((cqe.flags & IORING_CQE_F_MORE) == 0) [[unlikely]] {
    w.accepting = false;
    --accepting_;
    if (cqe.res >= 0 || cqe.res == -ECANCELED) return Ask(w, kWantPoll);
    w.error = static_cast<std::uint16_t>(-cqe.res);
    return Announce(w, EPOLLIN);
  }
}

void UringEngine::OnReceived(Watch& w, const io_uring_cqe& cqe) noexcept {
  if ((cqe.flags & IORING_CQE_F_BUFFER) != 0) {
    const auto id = static_cast<std::uint16_t>(cqe.flags >> IORING_CQE_BUFFER_SHIFT);
    ++buffers_taken_;
    if (cqe.res > 0) [[likely]] {
      buffer_[id] = {.begin = 0, .end = static_cast<std::uint32_t>(cqe.res), .next = kNone};
      (w.first == kNone ? w.first : buffer_[w.last].next) = id;
      w.last = id;
      Announce(w, w.blocked ? kEventPrefetched : static_cast<std::uint32_t>(EPOLLIN));
    } else {
      GiveBack(id);
    }
  }
  if ((cqe.flags & IORING_CQE_F_MORE) == 0) [[unlikely]] {
    w.receiving = false;
    w.cancelling = false;
    OnReceiveEnded(w, cqe.res);
  }
}

void UringEngine::OnReceiveEnded(Watch& w, int result) noexcept {
  if (result == 0) {
    w.ended = true;
    return Announce(w, EPOLLIN | EPOLLRDHUP);
  }
  if (result == -EINVAL && w.limited) {
    receive_max_ = 0;  // an older kernel, which refuses all that were asked at once
    return Ask(w, kWantReceive);
  }
  if (result > 0 || result == -ECANCELED || result == -ENOBUFS || result == -EINTR ||
      result == -EAGAIN) {
    return Ask(w, kWantReceive);  // unless it is blocked by then
  }
  w.error = static_cast<std::uint16_t>(-result);
  Announce(w, EPOLLIN | EPOLLERR | EPOLLHUP);
}

}  // namespace echogw
