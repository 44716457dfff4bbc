// One reactor: an event loop that accepts connections and echoes what they send. It shares nothing
// with other reactors on the data path: its poller, table, buffers and counters are its own.
//
// A Reactor is made on the control thread, then belongs to the thread that calls Run, and is
// destroyed after that thread has ended. Other threads reach it only through its Mailbox.
//
//   Create ──> Run: turn, turn, turn ... ──(Stop)──> all connections closed, mailbox closed
//
// One turn: wait for events, handle each, give connections with more to do another turn, read the
// mailbox (after the batch, so that no event in it can meet a connection that has moved away), then
// run the next slice of a move or a close.
//
// The loop owns the path of a byte; each of its parts owns one other job with its state. A part is
// a field guarded by the loop's thread, and calls back through ConnectionHost.
#pragma once

#include <sys/epoll.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "reactor/acceptor.h"
#include "reactor/base/clock.h"
#include "reactor/base/loop_thread.h"
#include "reactor/connection_closer.h"
#include "reactor/connection_host.h"
#include "reactor/connection_lister.h"
#include "reactor/connection_mover.h"
#include "reactor/limit_enforcer.h"
#include "reactor/loop_context.h"
#include "reactor/net/udp_socket.h"
#include "reactor/poll/spinning_wait.h"
#include "reactor/round_robin.h"
#include "reactor/services/udp_echo.h"
#include "reactor/sessions.h"
#include "reactor/stats/loop_time.h"
#include "reactor/turn_queue.h"

namespace echogw {

class Reactor final : private ConnectionHost {
 public:
  // Any thread. The mailbox must be open. Errors: of the poller, with the call that failed.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Reactor>> Create(
      const ReactorOptions& options, const ReactorDeps& deps);
  ~Reactor() override;

  // ---- reactor thread ----

  // Turns until it is told to stop.
  void Run();

  // For tests: binds the loop to the calling thread; then one turn that waits at most `wait_max`.
  // Turn returns false after Stop.
  void Enter();
  [[nodiscard]] bool Turn(Nanos wait_max);

 private:
  Reactor(const ReactorOptions& options, const ReactorDeps& deps, std::unique_ptr<Poller> poller);

  // ConnectionHost
  void OnAccepted(Connection& c, Token token, const Listener& listener) ECHOGW_ON(loop_) override;
  void OnArrived(Connection& c, Token token) ECHOGW_ON(loop_) override;
  void Enqueue(Connection& c, Token token) ECHOGW_ON(loop_) override;
  void RunTurn(Connection& c, Token token) ECHOGW_ON(loop_) override;
  void BeginClose(Connection& c, Token token) ECHOGW_ON(loop_) override;
  void Close(Connection& c, Token token, CloseReason reason, bool reset) ECHOGW_ON(loop_) override;
  void Answer(Report report) ECHOGW_ON(loop_) override;

  [[nodiscard]] std::size_t Wait(Nanos wait_max) ECHOGW_ON(loop_);
  [[nodiscard]] Nanos WaitTime(Nanos wait_max) const ECHOGW_ON(loop_);
  void CountTurn(Nanos begun, Nanos ended) ECHOGW_ON(loop_);
  void Dispatch(const epoll_event& event) ECHOGW_ON(loop_);
  // Takes over what an engine holds. Whether the event is worth a turn.
  [[nodiscard]] bool IsUseful(Connection& c, std::uint32_t events) ECHOGW_ON(loop_);
  void OnConnection(Connection& c, Token token, std::uint32_t events) ECHOGW_ON(loop_);
  // `events` led to it; 0 if none did.
  [[nodiscard]] EchoResult TurnOf(Connection& c, Token token, bool to_the_end, std::uint32_t events)
      ECHOGW_ON(loop_);
  void Settle(Connection& c, Token token, EchoResult result) ECHOGW_ON(loop_);
  void WatchFor(Connection& c, Token token, bool read, bool write) ECHOGW_ON(loop_);
  void RunQueue() ECHOGW_ON(loop_);
  void Defer(const epoll_event& event) ECHOGW_ON(loop_);
  void OnDatagrams(const Listener& listener) ECHOGW_ON(loop_);
  void ReadMail() ECHOGW_ON(loop_);
  template <typename C>
  void Handle(C& command) ECHOGW_ON(loop_);
  void CloseAll() ECHOGW_ON(loop_);

  LoopThread loop_;
  LoopContext context_ ECHOGW_OF(loop_);
  std::vector<epoll_event> events_ ECHOGW_OF(loop_);
  SpinningWait spin_ ECHOGW_OF(loop_);
  LoopTime time_ ECHOGW_OF(loop_);

  TurnQueue queue_ ECHOGW_OF(loop_);
  ConnectionLister lister_ ECHOGW_OF(loop_);
  Sessions sessions_ ECHOGW_OF(loop_);
  LimitEnforcer limits_ ECHOGW_OF(loop_);
  ConnectionMover mover_ ECHOGW_OF(loop_);
  ConnectionCloser closer_ ECHOGW_OF(loop_);
  Acceptor acceptor_ ECHOGW_OF(loop_);
  RoundRobin round_robin_ ECHOGW_OF(loop_);
  KernelDatagramIo datagram_io_;
  std::unique_ptr<UdpEcho> udp_ ECHOGW_OF(loop_);  // null until the first datagram

  std::uint64_t turn_ ECHOGW_OF(loop_) = 0;
  std::uint32_t turn_events_ ECHOGW_OF(loop_) = 0;  // of this turn
  bool mail_ ECHOGW_OF(loop_) = false;
  bool stopped_ ECHOGW_OF(loop_) = false;
};

}  // namespace echogw
