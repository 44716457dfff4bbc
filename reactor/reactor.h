// One reactor: an event loop that accepts connections and echoes what they send. It shares nothing
// with other reactors on the data path: its poller, table, buffers and counters are its own.
//
// A Reactor is made on the control thread, then belongs to the thread that calls Run, and is
// destroyed after that thread has ended. From outside there is one door, its Mailbox.
//
//   Create ──> Run: turn, turn, turn ... ──(Stop)──> all connections closed, mailbox closed
//
// One turn: wait for events, handle each, give those with more to do another go, read the mailbox
// (after the batch, so that no event in it can meet a connection that has moved away), then a slice
// of a move or a close that is under way.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "reactor/base/clock.h"
#include "reactor/base/log_sink.h"
#include "reactor/base/loop_thread.h"
#include "reactor/base/timer_wheel.h"
#include "reactor/command.h"
#include "reactor/connection/buffer_pool.h"
#include "reactor/connection/connection_limiter.h"
#include "reactor/connection/connection_record.h"
#include "reactor/connection/slot_table.h"
#include "reactor/mailbox.h"
#include "reactor/net/socket_io.h"
#include "reactor/net/udp_socket.h"
#include "reactor/options.h"
#include "reactor/poll/poller.h"
#include "reactor/poll/prefetch_engine.h"
#include "reactor/poll/spinning_wait.h"
#include "reactor/services/echo.h"
#include "reactor/services/tls_context.h"
#include "reactor/services/udp_echo.h"
#include "reactor/stats/counters.h"
#include "reactor/stats/loop_time.h"

namespace echogw {

// What a reactor is given; all of it outlives the reactor.
struct ReactorDeps {
  Counters& counters;
  Mailbox& mailbox;
  Reports& reports;
  EventRing& events;
  ConnectionLimiter& limiter;
  SocketIo& io;
  Clock& clock;
  LogSink& log;
  // Of the addresses with TLS; null if there is none.
  TlsContext* tls = nullptr;
  // For an engine that prefetches connections; null: none are.
  DescriptorBudget* budget = nullptr;
};

class Reactor {
 public:
  // Any thread. The mailbox must be open. Errors: of the poller, with the call that failed.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Reactor>> Create(
      const ReactorOptions& options, const ReactorDeps& deps);

  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;
  ~Reactor();

  // ---- reactor thread ----

  // Turns until Stop comes.
  void Run();

  // For tests: takes the loop for the calling thread; then one turn that waits at most `wait_max`.
  // Turn is false once Stop has come.
  void Enter();
  [[nodiscard]] bool Turn(Nanos wait_max);

 private:
  struct WatchedListener {
    Listener listener;
    bool taken = false;
    bool watched = false;  // by the poller
  };

  struct MoveJob {
    MoveConnections command;
    std::uint64_t moved = 0;
    std::uint32_t cursor = 0;
    std::size_t next_target = 0;
    Nanos next_slice_at = 0;
  };

  struct CloseJob {
    CloseConnections command;
    Nanos begun_at = 0;
    Nanos next_at = 0;
    std::vector<std::uint64_t> order;  // packed tokens, those idle for longest first
    std::size_t begun = 0;             // of order
    std::uint64_t closed_before = 0;   // counts when it began
    std::uint64_t reset_before = 0;
  };

  Reactor(const ReactorOptions& options, const ReactorDeps& deps, std::unique_ptr<Poller> poller);

  // reactor.cc: the loop, connections
  void Dispatch(const epoll_event& event) ECHOGW_ON(loop_);
  void OnConnection(Connection& c, Token token, std::uint32_t events) ECHOGW_ON(loop_);
  void Settle(Connection& c, Token token, EchoResult result) ECHOGW_ON(loop_);
  void WatchFor(Connection& c, Token token, bool read, bool write) ECHOGW_ON(loop_);
  void Enqueue(Connection& c, Token token) ECHOGW_ON(loop_);
  void RunQueue() ECHOGW_ON(loop_);
  void CloseConnection(Connection& c, Token token, CloseReason reason, bool reset = false)
      ECHOGW_ON(loop_);
  void RetryUnwatched() ECHOGW_ON(loop_);
  // `events` led to it; 0 if none did.
  [[nodiscard]] EchoResult TurnOf(Connection& c, Token token, bool to_the_end, std::uint32_t events)
      ECHOGW_ON(loop_);
  [[nodiscard]] std::size_t Wait(Nanos wait_max) ECHOGW_ON(loop_);
  [[nodiscard]] Nanos WaitTime(Nanos wait_max) const ECHOGW_ON(loop_);
  void CountTurn(Nanos begun, Nanos ended) ECHOGW_ON(loop_);
  void CloseAll() ECHOGW_ON(loop_);

  // reactor_accept.cc
  void OnListener(WatchedListener& w, std::uint32_t index) ECHOGW_ON(loop_);
  void Admit(int fd, const Listener& listener) ECHOGW_ON(loop_);
  void Reject(int fd, RejectReason reason) ECHOGW_ON(loop_);
  void OnAcceptError(int error) ECHOGW_ON(loop_);
  void PauseAccepting(const char* why) ECHOGW_ON(loop_);
  // False if no listener was watched before.
  bool LeaveListeners(Nanos until) ECHOGW_ON(loop_);
  void ResumeAccepting() ECHOGW_ON(loop_);
  [[nodiscard]] bool WatchListener(std::uint32_t index) ECHOGW_ON(loop_);
  void UnwatchListener(WatchedListener& w) ECHOGW_ON(loop_);
  void AddListener(const Listener& listener) ECHOGW_ON(loop_);

  // reactor_deal.cc
  void Deal(Token token) ECHOGW_ON(loop_);
  [[nodiscard]] Mailbox* NextAssigned() ECHOGW_ON(loop_);

  // reactor_sessions.cc
  void BeginSession(Connection& c, Token token, const Service& service) ECHOGW_ON(loop_);
  void ResumeSession(Connection& c, Token token) ECHOGW_ON(loop_);
  [[nodiscard]] EchoResult SessionTurn(Connection& c, Token token, Session& session,
                                       const EchoContext& context) ECHOGW_ON(loop_);
  void TellOpened(Connection& c, std::uint32_t index) ECHOGW_ON(loop_);
  void AwaitHandshake(Token token, Nanos deadline) ECHOGW_ON(loop_);
  void EndHandshakes() ECHOGW_ON(loop_);

  // reactor_udp.cc
  void PrepareForDatagrams() ECHOGW_ON(loop_);
  void OnDatagrams(const WatchedListener& w) ECHOGW_ON(loop_);

  // reactor_commands.cc
  void ReadMail() ECHOGW_ON(loop_);
  void Do(Stop& command) ECHOGW_ON(loop_);
  void Do(AdoptListeners& command) ECHOGW_ON(loop_);
  void Do(HandOverListeners& command) ECHOGW_ON(loop_);
  void Do(MoveConnections& command) ECHOGW_ON(loop_);
  void Do(AdoptConnections& command) ECHOGW_ON(loop_);
  void Do(AssignConnections& command) ECHOGW_ON(loop_);
  void Do(SetAdmission& command) ECHOGW_ON(loop_);
  void Do(CloseConnections& command) ECHOGW_ON(loop_);
  void Do(CancelClose& command) ECHOGW_ON(loop_);
  void Do(ReadConnections& command) ECHOGW_ON(loop_);
  void Do(InspectConnection& command) ECHOGW_ON(loop_);
  void Do(CloseSome& command) ECHOGW_ON(loop_);
  void Do(SetLimits& command) ECHOGW_ON(loop_);
  void RunMoveJob() ECHOGW_ON(loop_);
  void EndMoveJob() ECHOGW_ON(loop_);
  [[nodiscard]] bool MayMove(const Connection& c) const ECHOGW_ON(loop_);
  [[nodiscard]] MovedConnection Detach(Connection& c, Token token) ECHOGW_ON(loop_);
  void Attach(MovedConnection arrived) ECHOGW_ON(loop_);
  [[nodiscard]] std::uint64_t SendAway(std::vector<std::vector<MovedConnection>>& batches)
      ECHOGW_ON(loop_);
  void RunCloseJob() ECHOGW_ON(loop_);
  void BeginCloseOf(Connection& c, Token token) ECHOGW_ON(loop_);
  void ResetAllLeft() ECHOGW_ON(loop_);
  void EndCloseJob() ECHOGW_ON(loop_);
  void Answer(const Report& report) ECHOGW_ON(loop_);

  // reactor_connections.cc
  [[nodiscard]] ConnectionRecord RecordOf(const Connection& c, std::uint32_t index)
      ECHOGW_ON(loop_);
  [[nodiscard]] Connection* FindRef(const ConnectionRef& ref) ECHOGW_ON(loop_);
  void Tell(const Connection& c, std::uint32_t index, bool opened, CloseReason reason)
      ECHOGW_ON(loop_);

  // reactor_limits.cc
  struct Due {
    Nanos at = kNever;
    CloseReason reason = CloseReason::kIdleTimeout;
  };
  void TakeLimits(const Limits& limits) ECHOGW_ON(loop_);
  // Puts one that came by accept or by a move, or was there before, under the limits in force.
  void Regulate(Connection& c, Token token) ECHOGW_ON(loop_);
  [[nodiscard]] ColdState& ColdFor(Token token) ECHOGW_ON(loop_);
  [[nodiscard]] std::optional<RejectReason> Refusal(int fd, ClientKey& client) ECHOGW_ON(loop_);
  [[nodiscard]] bool MayAccept() ECHOGW_ON(loop_);
  [[nodiscard]] bool AwaitsAcceptToken() const ECHOGW_ON(loop_);
  [[nodiscard]] EchoResult LimitedTurn(Connection& c, Token token, bool to_the_end,
                                       std::uint32_t events) ECHOGW_ON(loop_);
  void Resume(Connection& c, Token token) ECHOGW_ON(loop_);
  [[nodiscard]] Due NextDue(const Connection& c, bool paused) const ECHOGW_ON(loop_);
  void Arm(const Connection& c, std::uint32_t index) ECHOGW_ON(loop_);
  void RunTimers() ECHOGW_ON(loop_);
  void OnTimer(Connection& c, Token token) ECHOGW_ON(loop_);
  [[nodiscard]] CloseReason EndLimits(const Connection& c, std::uint32_t index, CloseReason reason)
      ECHOGW_ON(loop_);

  LoopThread loop_;
  const ReactorOptions options_;
  const ReactorDeps deps_;
  const std::unique_ptr<Poller> poller_ ECHOGW_OF(loop_);
  const bool edge_;
  PrefetchEngine* const engine_;  // the poller, if it is one; else null
  SocketIo& io_;                  // the engine, if there is one

  std::vector<std::byte> scratch_ ECHOGW_OF(loop_);
  BufferPool pool_ ECHOGW_OF(loop_);
  EchoContext echo_;
  SlotTable table_ ECHOGW_OF(loop_);
  std::vector<epoll_event> events_ ECHOGW_OF(loop_);
  SpinningWait spin_ ECHOGW_OF(loop_);
  LoopTime time_ ECHOGW_OF(loop_);

  // Connections with more to do, as packed tokens; each at most once (Connection::queued).
  std::vector<std::uint64_t> queue_ ECHOGW_OF(loop_);
  std::vector<std::uint64_t> queue_turn_ ECHOGW_OF(loop_);
  std::vector<std::uint64_t> unwatched_ ECHOGW_OF(loop_);
  Nanos retry_unwatched_at_ ECHOGW_OF(loop_) = kNever;

  // Deadlines of connections that wait for what comes before payload, the next one on top. One that
  // has it meanwhile, or is gone, is found out when its time comes.
  using Handshake = std::pair<Nanos, std::uint64_t>;  // deadline, packed token
  std::priority_queue<Handshake, std::vector<Handshake>, std::greater<>> handshakes_
      ECHOGW_OF(loop_);
  Nanos next_handshake_at_ ECHOGW_OF(loop_) = kNever;

  std::vector<WatchedListener> listeners_ ECHOGW_OF(loop_);
  struct AssignSeat {
    AssignTarget target;
    std::int64_t credit = 0;
  };
  std::vector<AssignSeat> deal_ ECHOGW_OF(loop_);
  std::uint64_t assignment_version_ ECHOGW_OF(loop_) = 0;
  Admission admission_ ECHOGW_OF(loop_) = Admission::kAccept;
  bool detach_filter_ ECHOGW_OF(loop_) = false;
  bool accepting_paused_ ECHOGW_OF(loop_) = false;
  Nanos resume_accepting_at_ ECHOGW_OF(loop_) = kNever;
  Nanos accept_pause_ ECHOGW_OF(loop_) = 0;
  Nanos next_pause_log_at_ ECHOGW_OF(loop_) = 0;

  Limits limits_ ECHOGW_OF(loop_);
  // Empty unless a limit needs it.
  TimerWheel timers_ ECHOGW_OF(loop_);
  Nanos next_timer_at_ ECHOGW_OF(loop_) = kNever;
  // When it may use the token of the accept rate that it has; kNever: it has none.
  Nanos accept_token_at_ ECHOGW_OF(loop_) = kNever;

  // Null until the first UDP socket comes.
  KernelDatagramIo datagram_io_;
  std::unique_ptr<UdpEcho> udp_ ECHOGW_OF(loop_);
  bool drop_datagrams_ ECHOGW_OF(loop_) = false;

  std::optional<MoveJob> move_job_ ECHOGW_OF(loop_);
  std::optional<CloseJob> close_job_ ECHOGW_OF(loop_);

  std::uint64_t turn_ ECHOGW_OF(loop_) = 0;
  std::uint32_t turn_events_ ECHOGW_OF(loop_) = 0;  // of this turn
  Nanos now_ ECHOGW_OF(loop_) = 0;
  bool mail_ ECHOGW_OF(loop_) = false;
  bool stopped_ ECHOGW_OF(loop_) = false;
};

}  // namespace echogw
