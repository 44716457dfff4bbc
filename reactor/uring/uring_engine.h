// The io_uring engine: a Poller and the SocketIo of its connections in one. Connections are
// received from ahead, into buffers of the ring; what was received is sent from the very same
// buffer; and all that a turn of the loop has to send goes to the kernel in the one call that waits
// for the next events. Everything else (the mailbox, UDP sockets, listeners that are not accepted
// from ahead) is polled, level-triggered.
//
//   kernel ──receive──> buffer ──Read: lent──> reactor ──Write: queued──> Wait: sent ──> kernel
//
// A send never waits inside the kernel: when the call returns it is done, or its client takes no
// more. Then the connection is blocked: receiving ends, and the reactor is told (kEventPrefetched)
// to take what the engine holds for it, so that a client that does not read occupies no buffer of
// the ring. What comes after that is sent and read by plain calls until nothing is left.
//
// A listener is accepted from ahead (kInterestPrefetch) where the kernel does that reliably and
// while descriptors are plenty (FdBudget). A Close goes out with the next call; a Reset at
// once.
//
// Made on any thread, then belongs to the first thread that calls Wait. Failures of a connection
// are told by the next Read or Write.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reactor/poll/poller.h"
#include "reactor/poll/prefetch_engine.h"
#include "reactor/stats/counters.h"
#include "reactor/uring/ring.h"

namespace echogw {

class UringEngine final : public Poller, public PrefetchEngine {
 public:
  // Errors: see Uring::Create.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Poller>> Create(const PollerDeps& deps);
  // Whether Create would succeed here.
  [[nodiscard]] static absl::Status Available();
  ~UringEngine() override;

  // Poller
  [[nodiscard]] bool edge_triggered() const noexcept override { return true; }
  [[nodiscard]] PrefetchEngine* engine() noexcept override { return this; }
  // With `edge` a connection, else any descriptor.
  [[nodiscard]] int Add(int fd, std::uint64_t token, std::uint32_t interest,
                        bool edge) noexcept override;
  [[nodiscard]] int SetInterest(int fd, std::uint64_t token, std::uint32_t interest,
                                bool edge) noexcept override;
  void Remove(int fd) noexcept override;
  void Closing(int fd) noexcept override;
  [[nodiscard]] std::size_t Wait(std::span<epoll_event> events, Nanos timeout) noexcept override;

  // PrefetchEngine
  [[nodiscard]] IoResult Read(int fd, std::span<std::byte>& buffer) noexcept override;
  [[nodiscard]] IoResult Write(int fd, std::span<const std::byte> from) noexcept override;
  [[nodiscard]] AcceptResult Accept(int listener) noexcept override;
  void ShutdownWrite(int fd) noexcept override { io_.ShutdownWrite(fd); }
  // With the next wait.
  void Close(int fd) noexcept override;
  void Reset(int fd) noexcept override { io_.Reset(fd); }
  [[nodiscard]] Prefetched TakePrefetched(int fd) noexcept override;
  [[nodiscard]] AcceptResult TakeAccepted(int listener) noexcept override;
  void CatchUp(int fd) noexcept override;
  [[nodiscard]] bool Flush(int fd) noexcept override;

 private:
  // What an operation is for; part of what comes back with its completion.
  enum class Op : std::uint8_t { kReceive = 1, kPollOut, kPoll, kAccept, kCancel, kSend, kClose };
  // What is to be asked of the kernel for a descriptor with the next call.
  enum Want : std::uint8_t {
    kWantReceive = 1U << 0U,
    kWantNoReceive = 1U << 1U,
    kWantPollOut = 1U << 2U,
    kWantPoll = 1U << 3U,  // or to accept, if that is done ahead
    kWantNoAccept = 1U << 4U,
  };
  static constexpr std::uint16_t kNone = UINT16_MAX;  // no buffer

  // A watched descriptor.
  struct Watch {
    std::uint64_t token = 0;
    int fd = -1;                   // negative: free
    std::uint32_t generation = 0;  // of completions; those of another are stale
    std::uint32_t events = 0;      // to be reported; in ready_ unless 0
    std::uint16_t interest = 0;    // of what is polled
    std::uint16_t error = 0;       // errno, for the next Read or Accept
    // Received and not read: buffers, linked by Buffer::next.
    std::uint16_t first = kNone;
    std::uint16_t last = kNone;
    std::uint16_t unsent = kNone;  // sent in part; before all that was received
    std::uint8_t wants = 0;        // in work_ unless 0
    bool connection : 1 = false;
    bool fresh : 1 = true;           // nothing was asked for it yet
    bool receiving : 1 = false;      // the kernel receives, until it says that it ended
    bool limited : 1 = false;        // and ends after receive_max_ bytes
    bool cancelling : 1 = false;     // it was asked to end
    bool polling : 1 = false;        // the kernel polls
    bool sending : 1 = false;        // a send waits for the next Enter
    bool blocked : 1 = false;        // the client takes no more: polled until it does
    bool ended : 1 = false;          // the peer sent FIN
    bool broken : 1 = false;         // a send failed: what was received is of no use
    bool removed : 1 = false;        // kept for TakePrefetched and TakeAccepted alone
    bool accepting : 1 = false;      // the kernel accepts, until it says that it ended
    std::uint16_t accepted = kNone;  // of a listener that is accepted from ahead: of accepted_
  };

  struct Buffer {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    std::uint16_t next = kNone;
  };

  // Connections that were accepted ahead, in their order.
  struct Accepted {
    std::vector<int> fds;
    std::size_t given = 0;  // of fds
    std::uint32_t watch = 0;
    [[nodiscard]] bool empty() const noexcept { return given == fds.size(); }
  };

  // A send that goes out with the next Enter.
  struct Send {
    std::uint32_t watch = 0;
    std::uint16_t buffer = 0;
    int result = 0;
  };

  UringEngine(const PollerDeps& deps, std::unique_ptr<Uring> ring,
              std::unique_ptr<UringBuffers> buffers);

  // uring_engine.cc: descriptors and what the reactor does with them
  [[nodiscard]] Watch& At(std::uint32_t index) noexcept {
    return chunks_[index / kChunk][index % kChunk];
  }
  [[nodiscard]] Watch* Find(int fd) noexcept;
  [[nodiscard]] std::uint32_t IndexOf(const Watch& w) const noexcept;
  Watch& Take(int fd, std::uint64_t token);
  void Forget(Watch& w) noexcept;
  void Announce(Watch& w, std::uint32_t events);
  void Ask(Watch& w, std::uint8_t wants);
  void StopReceiving(Watch& w) noexcept;
  void Quiesce(Watch& w) noexcept;
  void Block(Watch& w);
  [[nodiscard]] Accepted& AcceptedOf(const Watch& w) noexcept { return accepted_[w.accepted]; }
  [[nodiscard]] int NextAccepted(Watch& w) noexcept;
  void StopAccepting();
  void ReturnLent() noexcept;
  void ReturnAll(Watch& w) noexcept;
  void GiveBack(std::uint16_t buffer) noexcept;
  [[nodiscard]] std::span<std::byte> BytesOf(std::uint16_t buffer) const noexcept;
  [[nodiscard]] std::span<std::byte> Lend(Watch& w) noexcept;

  // uring_engine_ring.cc: the conversation with the kernel
  [[nodiscard]] io_uring_sqe& NextEntry() noexcept;
  [[nodiscard]] io_uring_sqe& NextEntry(Op op, std::uint8_t opcode, const Watch& w) noexcept;
  [[nodiscard]] Watch* FindCompleted(std::uint64_t user_data) noexcept;
  void QueueWork() noexcept;
  void QueueWorkOf(Watch& w, std::uint8_t wants) noexcept;
  void QueuePoll(Watch& w) noexcept;
  void QueueSend(Watch& w, std::uint16_t buffer) noexcept;
  void QueueCancel(Op op, Watch& w) noexcept;
  void Enter(Nanos timeout) noexcept;
  void SettleSends() noexcept;
  void OnCompletion(const io_uring_cqe& cqe) noexcept;
  void AskAgain(Watch& w, std::uint8_t want, int result) noexcept;
  void OnAccepted(Watch& w, const io_uring_cqe& cqe) noexcept;
  void OnReceived(Watch& w, const io_uring_cqe& cqe) noexcept;
  void OnReceiveEnded(Watch& w, int result) noexcept;
  [[nodiscard]] std::size_t Emit(std::span<epoll_event> events) noexcept;

  static constexpr std::uint32_t kChunk = 256;

  SocketIo& io_;
  FdBudget* const budget_;  // null: no connection is prefetched
  Counters& counters_;
  const std::unique_ptr<Uring> ring_;
  const std::unique_ptr<UringBuffers> buffers_;
  bool enabled_ = false;
  // Bytes after which a receive ends and is asked for again; 0: this kernel (before 6.17) knows no
  // such limit, and goes on to the next connection after 33 buffers.
  std::uint32_t receive_max_;

  int accepting_ = 0;           // listeners, by the kernel
  bool closes_queued_ = false;  // since the last Enter

  std::vector<std::unique_ptr<Watch[]>> chunks_;  // never moved
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> by_fd_;  // index of the watch, plus 1
  std::vector<std::uint32_t> ready_;  // with events to report, in their order
  std::vector<std::uint32_t> ready_next_;
  std::vector<std::uint32_t> work_;
  std::vector<std::uint32_t> work_next_;
  std::vector<Accepted> accepted_;
  std::vector<std::uint16_t> accepted_free_;
  std::vector<Send> sends_;
  std::uint64_t sends_bytes_ = 0;
  std::vector<Buffer> buffer_;       // by id
  std::uint32_t buffers_taken_ = 0;  // that the kernel cannot receive into
  // What the last Read or TakePrefetched handed out and no Write has taken.
  int lent_fd_ = -1;
  std::uint16_t lent_ = kNone;
};

}  // namespace echogw
