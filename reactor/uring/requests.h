// What an io_uring engine asks of the kernel, and what the kernel answers. Requests are collected
// and submitted by the call that waits; a completion changes the state of its watch, and announces
// what the reactor has to hear.
//
// A send never waits inside the kernel: when the call returns it is done, or its client takes no
// more, and then the connection is blocked. Reactor's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "reactor/net/fd_budget.h"
#include "reactor/stats/counters.h"
#include "reactor/uring/ring.h"
#include "reactor/uring/watches.h"

namespace echogw {

class UringRequests {
 public:
  // What to ask of the kernel for a descriptor with the next call.
  enum Want : std::uint8_t {
    kReceive = 1U << 0U,
    kNoReceive = 1U << 1U,
    kPollOut = 1U << 2U,
    kPoll = 1U << 3U,  // or accept, if its connections are prefetched
    kNoAccept = 1U << 4U,
  };

  // Submissions of one call; more take another call.
  static constexpr std::uint32_t kEntries = 128;

  // `budget` null: connections are not prefetched. A receive ends after `receive_max` bytes and is
  // asked for again.
  UringRequests(std::unique_ptr<Uring> ring, UringWatches& watches, UringBuffers& buffers,
                Counters& counters, FdBudget* budget, std::uint32_t receive_max);
  UringRequests(const UringRequests&) = delete;
  UringRequests& operator=(const UringRequests&) = delete;
  ~UringRequests();

  // Connections may be prefetched from listeners, while there is room for them.
  [[nodiscard]] bool prefetches() const noexcept { return budget_ != nullptr; }
  // A Close has not been submitted yet.
  [[nodiscard]] bool closes_queued() const noexcept { return closes_queued_; }

  void Ask(UringWatch& w, unsigned wants);
  void Send(UringWatch& w, UringBuffers::Id buffer) noexcept;
  void Close(int fd) noexcept;
  // The client takes no more: receiving ends, and the reactor takes over what is held.
  void Block(UringWatch& w);
  // Sends what is queued and ends receiving.
  void StopReceiving(UringWatch& w) noexcept;
  // Ends everything the kernel does for the descriptor, so that the next owner of it, or of its
  // number, sees nothing of that.
  void Quiesce(UringWatch& w) noexcept;

  // Submits what was asked for, and waits unless there is more to ask.
  void Wait(Nanos timeout) noexcept;
  // Submits what is queued, without what was only asked for, and waits.
  void Enter(Nanos timeout) noexcept;

 private:
  // What an operation is for; part of what comes back with its completion.
  enum class Op : std::uint8_t {
    kReceive = 1,
    kPollOut,
    kPoll,
    kAccept,
    kSend,
    kClose,
    // Of these only failures come back.
    kCancelReceive,
    kCancelPoll,
    kCancelAccept,
  };

  // A send that goes out with the next Enter.
  struct QueuedSend {
    std::uint32_t watch = 0;
    UringBuffers::Id buffer = 0;
    int result = 0;
  };

  [[nodiscard]] io_uring_sqe& NextEntry() noexcept;
  [[nodiscard]] io_uring_sqe& NextEntry(Op op, std::uint8_t opcode, const UringWatch& w) noexcept;
  void QueueWork() noexcept;
  void QueueWorkOf(UringWatch& w, unsigned wants) noexcept;
  void QueuePoll(UringWatch& w) noexcept;
  void QueueReceive(UringWatch& w) noexcept;
  void QueueCancel(Op op, UringWatch& w) noexcept;
  void SettleSends() noexcept;
  [[nodiscard]] UringWatch* FindCompleted(std::uint64_t user_data) noexcept;
  void OnCompletion(const io_uring_cqe& cqe) noexcept;
  void OnNotCancelled(UringWatch& w, Op op, int result) noexcept;
  void OnLoss() noexcept;
  void EndLost(UringWatch& w) noexcept;
  void OnAccepted(UringWatch& w, const io_uring_cqe& cqe) noexcept;
  void OnReceived(UringWatch& w, const io_uring_cqe& cqe) noexcept;
  void OnReceiveEnded(UringWatch& w, int result) noexcept;

  const std::unique_ptr<Uring> ring_;
  UringWatches& watches_;
  UringBuffers& buffers_;
  Counters& counters_;
  FdBudget* const budget_;
  // 0: this kernel (before 6.17) has no such limit, and turns to the next connection after 33
  // buffers.
  std::uint32_t receive_max_;
  bool enabled_ = false;
  bool closes_queued_ = false;            // since the last Enter
  std::vector<std::uint32_t> accepting_;  // listeners that the kernel accepts from
  std::vector<std::uint32_t> work_;       // watches with wants
  std::vector<std::uint32_t> work_next_;
  std::vector<QueuedSend> sends_;
  std::uint64_t sends_bytes_ = 0;
};

}  // namespace echogw
