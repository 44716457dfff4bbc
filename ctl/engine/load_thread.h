// LoadThread: one client thread of a load, with an epoll instance and connections of its own.
//
// Owned by a LoadRun. Open() runs on the thread of the owner before Run(), which is the body of the
// thread; TakeResult() is for after the join. Only Progress is shared, and is read by anyone.
// Whatever a connection does wrong is counted in the result and ends that connection; nothing here
// fails as a whole but Open().
//
// A message costs one send, one recv and a part of an epoll_wait: descriptors are watched
// edge-triggered for everything once and for all, a recv that is shorter than the buffer ends the
// reading, a timer that is set ten times a second stands in for a timeout of each wait (but where a
// schedule says when the next message is due), and nothing is allocated. The thread has a table of
// descriptors of its own, where looking one up takes no count of users: its sockets are no other
// thread's, and are closed before it ends.
//
//   idle ──► connecting ──► open ──► finishing ──► idle (churn) or dead (stream)
//                │            │          │
//                └────────────┴──────────┴──► dead (stream), idle after a pause (churn)
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "ctl/engine/options.h"
#include "ctl/engine/pattern.h"
#include "ctl/engine/result.h"
#include "ctl/engine/start_gate.h"

namespace echogw::ctl::load {

// What a thread has done so far, for progress lines. Written by that thread once per turn of its
// loop, read by any; relaxed, because each number stands for itself.
struct alignas(64) LoadProgress {
  std::atomic<std::uint64_t> messages{0};
  std::atomic<std::uint64_t> connects{0};
  std::atomic<std::uint64_t> errors{0};
  std::atomic<std::uint64_t> open{0};
};

// The part of a load that one thread carries.
struct LoadShare {
  // It has connections [first, first + count) of the load's.
  std::size_t first = 0;
  std::size_t count = 0;
  // Messages it may send; UINT64_MAX for no limit.
  std::uint64_t messages = UINT64_MAX;
};

class LoadThread {
 public:
  // All references outlive the thread. `stop` is set by the owner, never taken back; acquire is
  // not needed, because nothing is handed over with it.
  LoadThread(const LoadOptions& options, const Pattern& pattern, LoadShare share, StartGate& gate,
             const std::atomic<bool>& stop);
  ~LoadThread();
  LoadThread(const LoadThread&) = delete;
  LoadThread& operator=(const LoadThread&) = delete;

  [[nodiscard]] absl::Status Open();
  void Run();
  [[nodiscard]] LoadResult TakeResult() { return std::move(result_); }
  [[nodiscard]] const LoadProgress& progress() const { return progress_; }

 private:
  enum class State : std::uint8_t { kIdle, kConnecting, kOpen, kFinishing, kDead };

  struct Connection {
    int fd = -1;
    State state = State::kIdle;
    // The kernel took less than was offered; an EPOLLOUT will follow.
    bool blocked = false;
    // Where in the pattern the next byte out and the next byte in stand.
    std::uint32_t send_phase = 0;
    std::uint32_t receive_phase = 0;
    // Place in send_times_ of the oldest unanswered message, below the depth.
    std::uint32_t oldest = 0;
    // Counts the connections of the load; each use of a churn slot gets a new one.
    std::uint64_t serial = 0;
    std::uint64_t sent_bytes = 0;
    std::uint64_t received_bytes = 0;
    // Messages whose time to be sent has come, that may go out, and that came back. The first
    // differ only with a rate, when the depth holds messages back.
    std::uint64_t due = 0;
    std::uint64_t issued = 0;
    std::uint64_t completed = 0;
    // When connect() was called, and the time that a churn cycle counts from.
    LoadTime connect_began;
    LoadTime cycle_began;
    LoadTime last_progress;
    // Null: plain TCP, or not connected yet.
    std::unique_ptr<TlsClient> tls;
    // A banner is due and has not come to its end.
    bool in_banner = false;
  };

  // load_thread.cc: the phases of a run, and everything that happens by time.
  void OpenStreams();
  void StartTraffic(LoadTime start);
  void Turn();
  void FinishAll();
  void BeginStop(LoadTime now);
  [[nodiscard]] bool IsOver(LoadTime now) const;
  void StartIdle(LoadTime now);
  void IssueDue(LoadTime now);
  void ScanTimeouts(LoadTime now);
  void WaitAndHandle(LoadTime now);
  // How long the wait may take: negative for as long as it likes, because the timer ends it.
  [[nodiscard]] std::chrono::nanoseconds WaitTime(LoadTime now);
  void LeaveSharedFiles() const;
  // Whether a slot waits for a connection and not too many are under way.
  [[nodiscard]] bool CanConnect() const;
  // When something is to be sent or connected, and when to look for what time alone brings about.
  [[nodiscard]] LoadTime NextDue(LoadTime now) const;
  [[nodiscard]] LoadTime NextCheck(LoadTime now) const;
  [[nodiscard]] LoadTime DueTime(std::uint64_t index) const;
  [[nodiscard]] LoadTime IntendedTime(const Connection& connection) const;
  void Publish();

  // load_thread_io.cc: what happens to one connection.
  void Handle(Connection& connection, std::uint32_t events);
  void Connect(Connection& connection, LoadTime now, LoadTime cycle_began);
  [[nodiscard]] int OpenSocket(Connection& connection);
  // False until the handshake is done, if there is one.
  [[nodiscard]] bool Shake(Connection& connection);
  void OnConnected(Connection& connection);
  // As recv(2) and send(2).
  [[nodiscard]] ssize_t Receive(Connection& connection);
  [[nodiscard]] static ssize_t Transmit(Connection& connection, const char* from, std::size_t size);
  // The number of bytes of the banner among the first `size` of the buffer.
  [[nodiscard]] std::size_t SkipBanner(Connection& connection, std::size_t size) const;
  void Read(Connection& connection, bool until_empty);
  // False when the connection is no longer open.
  [[nodiscard]] bool Consume(Connection& connection, const char* bytes, std::size_t size);
  void CompleteMessage(Connection& connection, LoadTime now);
  void Send(Connection& connection);
  void IssueStream(Connection& connection, LoadTime now);
  void BeginFinish(Connection& connection);
  void OnEof(Connection& connection);
  void Fail(Connection& connection, ErrorKind kind, int error, std::string text = "");
  void Close(Connection& connection);
  void NoteSlow(const Connection& connection, SlowConnection::What what,
                std::chrono::nanoseconds took);

  // A hint that the connection is needed soon; any index.
  void Prefetch(std::uint64_t index) const {
    if (index >= connections_.size()) return;
    const auto* at = reinterpret_cast<const char*>(connections_.data() + index);
    __builtin_prefetch(at);
    __builtin_prefetch(at + 64);
  }
  [[nodiscard]] std::size_t IndexOf(const Connection& connection) const {
    return static_cast<std::size_t>(&connection - connections_.data());
  }
  [[nodiscard]] bool churn() const { return options_.mode == LoadMode::kChurn; }
  [[nodiscard]] bool IsMeasured(LoadTime time) const { return time >= measure_from_; }

  const LoadOptions& options_;
  const Pattern& pattern_;
  const LoadShare share_;
  StartGate& gate_;
  const std::atomic<bool>& stop_;

  int epoll_ = -1;
  int timer_ = -1;
  LoadTime timer_at_;  // when it fires, or did
  std::vector<Connection> connections_;
  // When each unanswered message was sent: depth places a connection. Closed-loop streams only.
  std::vector<LoadTime> send_times_;
  std::vector<char> buffer_;
  // Slots that wait to connect, and churn slots that wait out a pause after a failure.
  std::vector<std::size_t> idle_;
  std::deque<std::pair<LoadTime, std::size_t>> paused_;

  // Between messages (in churn: connections) of this thread; 0 without a rate.
  double interval_nanoseconds_ = 0;
  LoadTime schedule_start_;
  std::uint64_t schedule_next_ = 0;
  std::uint64_t messages_left_;
  std::uint64_t next_serial_;

  bool traffic_ = false;
  bool stopping_ = false;
  bool measuring_ = false;
  LoadTime measure_from_ = LoadTime::max();
  LoadTime measure_until_ = LoadTime::max();
  LoadTime drain_until_ = LoadTime::max();
  LoadTime next_scan_;
  std::chrono::nanoseconds cpu_at_measure_{0};

  std::size_t connecting_ = 0;
  std::size_t open_ = 0;
  std::size_t finishing_ = 0;
  std::size_t dead_ = 0;
  // Sum over the connections of due minus completed.
  std::uint64_t unanswered_ = 0;

  LoadResult result_;
  LoadProgress progress_;
};

}  // namespace echogw::ctl::load
