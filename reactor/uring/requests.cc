#include "reactor/uring/requests.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "reactor/base/check.h"
#include "reactor/poll/poller.h"

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

// A receive ends after so many bytes and is asked for again: one client cannot take all buffers.
// Younger than the headers of Debian 12, where the field has another name.
void SetReceiveMax(io_uring_sqe& sqe, std::uint32_t bytes) { sqe.file_index = bytes; }

}  // namespace

UringRequests::UringRequests(std::unique_ptr<Uring> ring, UringWatches& watches,
                             UringBuffers& buffers, Counters& counters, FdBudget* budget,
                             std::uint32_t receive_max)
    : ring_(std::move(ring)),
      watches_(watches),
      buffers_(buffers),
      counters_(counters),
      budget_(ring_->accepts_reliably() ? budget : nullptr),
      receive_max_(receive_max) {
  sends_.reserve(kEntries);
  if (budget_ != nullptr) budget_->AddEngine();
}

UringRequests::~UringRequests() {
  if (budget_ != nullptr) budget_->RemoveEngine();
}

// ---- requests ----

void UringRequests::Ask(UringWatch& w, unsigned wants) {
  if (w.wants == 0) work_.push_back(watches_.IndexOf(w));
  w.wants = static_cast<std::uint8_t>(w.wants | wants);
}

io_uring_sqe& UringRequests::NextEntry() noexcept {
  io_uring_sqe* sqe = nullptr;
  while ((sqe = ring_->Next()) == nullptr) Enter(0);
  return *sqe;
}

io_uring_sqe& UringRequests::NextEntry(Op op, std::uint8_t opcode, const UringWatch& w) noexcept {
  io_uring_sqe& sqe = NextEntry();
  sqe.opcode = opcode;
  sqe.fd = w.fd;
  sqe.user_data = UserData(static_cast<std::uint8_t>(op), w.generation, watches_.IndexOf(w));
  return sqe;
}

void UringRequests::Send(UringWatch& w, UringBuffers::Id buffer) noexcept {
  const std::span<std::byte> bytes = buffers_.BytesOf(buffer);
  io_uring_sqe& sqe = NextEntry();  // may Enter, so sends_ is read after it
  sqe.opcode = IORING_OP_SEND;
  // Done when Enter returns: there is a completion only if not all of it was taken.
  sqe.flags = IOSQE_CQE_SKIP_SUCCESS;
  sqe.msg_flags = MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL;
  sqe.fd = w.fd;
  sqe.addr = reinterpret_cast<std::uint64_t>(bytes.data());
  sqe.len = static_cast<std::uint32_t>(bytes.size());
  sqe.user_data =
      UserData(static_cast<std::uint8_t>(Op::kSend), 0, static_cast<std::uint32_t>(sends_.size()));
  sends_.push_back({watches_.IndexOf(w), buffer, static_cast<int>(bytes.size())});
  sends_bytes_ += bytes.size();
  w.sending = true;
}

void UringRequests::Close(int fd) noexcept {
  io_uring_sqe& sqe = NextEntry();
  sqe.opcode = IORING_OP_CLOSE;
  sqe.flags = IOSQE_CQE_SKIP_SUCCESS;
  sqe.fd = fd;
  sqe.user_data = UserData(static_cast<std::uint8_t>(Op::kClose), 0, 0);
  closes_queued_ = true;
}

void UringRequests::Block(UringWatch& w) {
  w.blocked = true;
  Ask(w, kPollOut | kNoReceive);
  if (w.holds_bytes()) watches_.Announce(w, kEventPrefetched);
}

// A cancellation misses what the kernel is working on at that moment; then it is asked again.
void UringRequests::StopReceiving(UringWatch& w) noexcept {
  while (w.sending || w.receiving) {
    if (w.receiving) QueueCancel(Op::kReceive, w);
    Enter(0);
  }
  w.wants = static_cast<std::uint8_t>(w.wants & ~(kReceive | kNoReceive));
}

void UringRequests::Quiesce(UringWatch& w) noexcept {
  StopReceiving(w);
  while (w.polling || w.accepting) {
    if (w.polling) QueueCancel(w.connection ? Op::kPollOut : Op::kPoll, w);
    if (w.accepting) QueueCancel(Op::kAccept, w);
    Enter(0);
  }
  w.wants = 0;
}

void UringRequests::QueueCancel(Op op, UringWatch& w) noexcept {
  const Op cancel = op == Op::kReceive  ? Op::kCancelReceive
                    : op == Op::kAccept ? Op::kCancelAccept
                                        : Op::kCancelPoll;
  io_uring_sqe& sqe = NextEntry(cancel, IORING_OP_ASYNC_CANCEL, w);
  sqe.fd = -1;
  sqe.flags = IOSQE_CQE_SKIP_SUCCESS;
  sqe.addr = UserData(static_cast<std::uint8_t>(op), w.generation, watches_.IndexOf(w));
  if (op == Op::kReceive) w.cancelling = true;
}

// For descriptors other than connections; connections are prefetched from a listener that allows it
// while there is room for them.
void UringRequests::QueuePoll(UringWatch& w) noexcept {
  w.lost = false;  // nothing is pending now
  if (w.accepted != nullptr && budget_->MayPrefetch()) {
    io_uring_sqe& sqe = NextEntry(Op::kAccept, IORING_OP_ACCEPT, w);
    sqe.ioprio = IORING_ACCEPT_MULTISHOT;
    sqe.accept_flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    w.accepting = true;
    accepting_.push_back(watches_.IndexOf(w));
    return;
  }
  NextEntry(Op::kPoll, IORING_OP_POLL_ADD, w).poll32_events = w.interest;
  w.polling = true;
}

void UringRequests::QueueReceive(UringWatch& w) noexcept {
  if (buffers_.exhausted()) return Ask(w, kReceive);  // when one comes back
  io_uring_sqe& sqe = NextEntry(Op::kReceive, IORING_OP_RECV, w);
  sqe.ioprio = IORING_RECV_MULTISHOT;
  // A new client has seldom sent already: a first attempt would mostly fail.
  if (w.fresh) sqe.ioprio |= IORING_RECVSEND_POLL_FIRST;
  w.fresh = false;
  sqe.flags = IOSQE_BUFFER_SELECT;
  sqe.buf_group = UringBuffers::kGroup;
  SetReceiveMax(sqe, receive_max_);
  w.receiving = true;
  w.limited = receive_max_ != 0;
}

void UringRequests::QueueWorkOf(UringWatch& w, unsigned wants) noexcept {
  if ((wants & kPoll) != 0 && !w.polling && !w.accepting) QueuePoll(w);
  if ((wants & kNoAccept) != 0 && w.accepting) QueueCancel(Op::kAccept, w);
  if ((wants & kPollOut) != 0 && !w.polling) {
    NextEntry(Op::kPollOut, IORING_OP_POLL_ADD, w).poll32_events = EPOLLOUT;
    w.polling = true;
  }
  if ((wants & kNoReceive) != 0 && w.receiving && w.blocked) QueueCancel(Op::kReceive, w);
  if ((wants & kReceive) != 0 && !w.receiving && !w.blocked && !w.ended && w.error == 0) {
    QueueReceive(w);
  }
}

void UringRequests::QueueWork() noexcept {
  work_next_.swap(work_);
  for (const std::uint32_t index : work_next_) {
    UringWatch& w = watches_.At(index);
    const std::uint8_t wants = std::exchange(w.wants, 0);
    if (wants != 0) QueueWorkOf(w, wants);
  }
  work_next_.clear();
}

// ---- the call ----

void UringRequests::Wait(Nanos timeout) noexcept {
  if (!accepting_.empty() && !budget_->MayPrefetch()) [[unlikely]] {
    for (const std::uint32_t index : accepting_) Ask(watches_.At(index), kNoAccept);
  }
  QueueWork();
  Enter(!watches_.any_ready() && work_.empty() ? timeout : 0);
}

void UringRequests::Enter(Nanos timeout) noexcept {
  if (!std::exchange(enabled_, true)) ring_->Enable();
  if (!sends_.empty()) {
    // Counted in advance: a client may have its echo while this call still waits. What the kernel
    // did not take is subtracted at once; then there is no wait.
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
  if (ring_->TakeLoss()) [[unlikely]]
    OnLoss();
  buffers_.Publish();
}

void UringRequests::SettleSends() noexcept {
  for (const QueuedSend& send : sends_) {
    UringWatch& w = watches_.At(send.watch);
    w.sending = false;
    const auto bytes = static_cast<std::uint32_t>(buffers_.BytesOf(send.buffer).size());
    if (send.result == static_cast<int>(bytes)) [[likely]] {
      buffers_.GiveBack(send.buffer);
      continue;
    }
    const std::uint32_t taken = send.result > 0 ? static_cast<std::uint32_t>(send.result) : 0;
    counters_.sent_bytes.Subtract(bytes - taken);
    if (taken == 0) counters_.writes.Subtract(1);
    if (send.result >= 0 || send.result == -EAGAIN) {
      buffers_.DropFront(send.buffer, taken);
      w.unsent = send.buffer;
      Block(w);
      continue;
    }
    buffers_.GiveBack(send.buffer);
    w.broken = true;
    w.error = static_cast<std::uint16_t>(-send.result);
    watches_.Announce(w, EPOLLIN | EPOLLERR | EPOLLHUP);
  }
  sends_.clear();
  sends_bytes_ = 0;
}

// ---- completions ----

UringWatch* UringRequests::FindCompleted(std::uint64_t user_data) noexcept {
  UringWatch& w = watches_.At(static_cast<std::uint32_t>(user_data));
  const auto generation = static_cast<std::uint32_t>(user_data >> kGenerationShift);
  return w.fd >= 0 && ((w.generation ^ generation) & kGenerationMask) == 0 ? &w : nullptr;
}

void UringRequests::OnCompletion(const io_uring_cqe& cqe) noexcept {
  const auto op = static_cast<Op>(cqe.user_data >> kOpShift);
  if (op == Op::kSend) {
    sends_[static_cast<std::uint32_t>(cqe.user_data)].result = cqe.res;
    return;
  }
  if (op == Op::kClose) return;  // a descriptor that could not be closed is gone all the same
  UringWatch* w = FindCompleted(cqe.user_data);
  CHECK(w != nullptr);  // what the kernel does for a descriptor ends before it is forgotten
  switch (op) {
    case Op::kReceive:
      return OnReceived(*w, cqe);
    case Op::kPollOut:
      w->polling = false;
      // For lack of memory; or cancelled, and who does that wants nothing more.
      if (cqe.res < 0) return Ask(*w, kPollOut);
      w->blocked = false;
      return watches_.Announce(
          *w, EPOLLOUT | (static_cast<std::uint32_t>(cqe.res) & (EPOLLERR | EPOLLHUP)));
    case Op::kAccept:
      return OnAccepted(*w, cqe);
    case Op::kPoll:
      w->polling = false;
      if (cqe.res < 0) return Ask(*w, kPoll);
      return watches_.Announce(*w, static_cast<std::uint32_t>(cqe.res));
    default:
      OnNotCancelled(*w, op, cqe.res);
  }
}

// A cancellation that found nothing. It is asked again if it still matters; but after a loss there
// may be nothing that will ever complete.
void UringRequests::OnNotCancelled(UringWatch& w, Op op, int result) noexcept {
  const bool gone = w.lost && result == -ENOENT;
  if (op == Op::kCancelReceive) {
    w.cancelling = false;
    if (!gone && w.blocked && w.receiving) return Ask(w, kNoReceive);
    if (!gone || !w.receiving) return;
    w.receiving = false;
    EndLost(w);
  } else if (op == Op::kCancelPoll && gone && w.polling) {
    w.polling = false;
    if (w.connection) return EndLost(w);
    Ask(w, kPoll);
  } else if (op == Op::kCancelAccept && gone && w.accepting) {
    w.accepting = false;
    std::erase(accepting_, watches_.IndexOf(w));
    Ask(w, kPoll);
  }
}

// The kernel does not say whose completions it lost. Bytes may be missing from any connection, so
// all of them end; the rest is asked for again. A buffer that a lost completion names is lost, too.
void UringRequests::OnLoss() noexcept {
  watches_.ForEach([this](UringWatch& w) {
    w.lost = true;
    if (w.removed) return;
    if (w.connection) return EndLost(w);
    if (w.polling) QueueCancel(Op::kPoll, w);
    if (w.accepting) QueueCancel(Op::kAccept, w);
  });
}

void UringRequests::EndLost(UringWatch& w) noexcept {
  w.broken = true;
  w.error = EIO;
  watches_.Announce(w, EPOLLIN | EPOLLERR | EPOLLHUP);
}

void UringRequests::OnAccepted(UringWatch& w, const io_uring_cqe& cqe) noexcept {
  if (cqe.res >= 0) [[likely]] {
    w.accepted->Push(cqe.res);
    budget_->Note(cqe.res);
    w.error = 0;  // of before
    watches_.Announce(w, EPOLLIN);
  }
  if ((cqe.flags & IORING_CQE_F_MORE) == 0) [[unlikely]] {
    w.accepting = false;
    std::erase(accepting_, watches_.IndexOf(w));
    if (cqe.res >= 0 || cqe.res == -ECANCELED) return Ask(w, kPoll);
    w.error = static_cast<std::uint16_t>(-cqe.res);
    return watches_.Announce(w, EPOLLIN);
  }
}

void UringRequests::OnReceived(UringWatch& w, const io_uring_cqe& cqe) noexcept {
  if ((cqe.flags & IORING_CQE_F_BUFFER) != 0) {
    const auto id = static_cast<UringBuffers::Id>(cqe.flags >> IORING_CQE_BUFFER_SHIFT);
    buffers_.Fill(id, cqe.res > 0 ? static_cast<std::uint32_t>(cqe.res) : 0);
    if (cqe.res > 0) [[likely]] {
      buffers_.Push(w.received, id);
      watches_.Announce(w, w.blocked ? kEventPrefetched : static_cast<std::uint32_t>(EPOLLIN));
    } else {
      buffers_.GiveBack(id);
    }
  }
  if ((cqe.flags & IORING_CQE_F_MORE) == 0) [[unlikely]] {
    w.receiving = false;
    w.cancelling = false;
    OnReceiveEnded(w, cqe.res);
  }
}

void UringRequests::OnReceiveEnded(UringWatch& w, int result) noexcept {
  if (result == 0) {
    w.ended = true;
    return watches_.Announce(w, EPOLLIN | EPOLLRDHUP);
  }
  if (result == -EINVAL && w.limited) {
    receive_max_ = 0;  // an older kernel, which refuses all that were asked at once
    return Ask(w, kReceive);
  }
  if (result > 0 || result == -ECANCELED || result == -ENOBUFS || result == -EINTR ||
      result == -EAGAIN) {
    return Ask(w, kReceive);  // unless it is blocked by then
  }
  w.error = static_cast<std::uint16_t>(-result);
  watches_.Announce(w, EPOLLIN | EPOLLERR | EPOLLHUP);
}

}  // namespace echogw
