// ConnectionSlots: the connections of one client thread, what state each is in, and which may
// connect next. Plain state without system calls; one thread.
//
//   idle ──► connecting ──► open ──► finishing ──► idle (churn) or dead (stream)
//                │            │          │
//                └────────────┴──────────┴──► dead (stream), idle after a pause (churn)
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "ctl/engine/client_socket.h"
#include "ctl/engine/options.h"

namespace echogw::ctl::load {

struct LoadConnection {
  enum class State : std::uint8_t { kIdle, kConnecting, kOpen, kFinishing, kDead };
  static constexpr std::size_t kStates = 5;

  ClientSocket socket;
  State state = State::kIdle;
  // The kernel took less than was offered; an EPOLLOUT will follow.
  bool blocked = false;
  // A banner is expected and not complete.
  bool in_banner = false;
  // Positions in the pattern of the next byte out and the next byte in.
  std::uint32_t send_phase = 0;
  std::uint32_t receive_phase = 0;
  // Index of the oldest unanswered message in its ring of send times, below the depth.
  std::uint32_t oldest = 0;
  // Counts the connections of the load; each use of a churn slot gets a new one.
  std::uint64_t serial = 0;
  std::uint64_t sent_bytes = 0;
  std::uint64_t received_bytes = 0;
  // Messages that are due, that may be sent, and that came back. The first two differ only with a
  // rate, when the depth holds messages back.
  std::uint64_t due = 0;
  std::uint64_t issued = 0;
  std::uint64_t completed = 0;
  // When connect() was called, and the time that a churn cycle counts from.
  LoadTime connect_began;
  LoadTime cycle_began;
  LoadTime last_progress;
};

class ConnectionSlots {
 public:
  using State = LoadConnection::State;

  // Slots of a stream load are used once, those of a churn load repeatedly. At most
  // `connecting_max` connects are pending at a time.
  ConnectionSlots(std::size_t count, bool reuse, std::size_t connecting_max)
      : slots_(count), reuse_(reuse), connecting_max_(connecting_max) {
    counts_[static_cast<std::size_t>(State::kIdle)] = count;
    // The lowest slot is taken first.
    for (std::size_t i = count; i > 0; --i) idle_.push_back(i - 1);
  }

  [[nodiscard]] std::size_t size() const { return slots_.size(); }
  [[nodiscard]] LoadConnection& operator[](std::size_t index) { return slots_[index]; }
  [[nodiscard]] auto begin() { return slots_.begin(); }
  [[nodiscard]] auto end() { return slots_.end(); }
  [[nodiscard]] std::size_t IndexOf(const LoadConnection& connection) const {
    return static_cast<std::size_t>(&connection - slots_.data());
  }
  // A hint that the connection is needed soon; any index.
  void Prefetch(std::uint64_t index) const {
    if (index >= slots_.size()) return;
    const auto* at = reinterpret_cast<const char*>(slots_.data() + index);
    __builtin_prefetch(at);
    __builtin_prefetch(at + 64);
  }

  // Connections in this state.
  [[nodiscard]] std::size_t In(State state) const {
    return counts_[static_cast<std::size_t>(state)];
  }
  // Connects and closes that are not finished.
  [[nodiscard]] std::size_t pending() const {
    return In(State::kConnecting) + In(State::kFinishing);
  }
  void Enter(LoadConnection& connection, State state) {
    --counts_[static_cast<std::size_t>(connection.state)];
    ++counts_[static_cast<std::size_t>(state)];
    connection.state = state;
  }
  // Ends the use of a slot: it dies, or is idle again at once or, after a failure, from `ready`.
  void Release(LoadConnection& connection) {
    Enter(connection, reuse_ ? State::kIdle : State::kDead);
    if (reuse_) idle_.push_back(IndexOf(connection));
  }
  void Release(LoadConnection& connection, LoadTime ready) {
    Enter(connection, reuse_ ? State::kIdle : State::kDead);
    if (reuse_) paused_.emplace_back(ready, IndexOf(connection));
  }

  // Whether a slot is idle and not too many connects are pending.
  [[nodiscard]] bool CanConnect() const {
    return !idle_.empty() && In(State::kConnecting) < connecting_max_;
  }
  // The idle slot to connect next, as new, in the state kConnecting. Only when CanConnect().
  [[nodiscard]] LoadConnection& TakeIdle() {
    LoadConnection& connection = slots_[idle_.back()];
    idle_.pop_back();
    connection = LoadConnection{};
    Enter(connection, State::kConnecting);
    return connection;
  }
  // Makes slots idle whose pause is over.
  void EndPauses(LoadTime now) {
    while (NextPauseEnd() <= now) {
      idle_.push_back(paused_.front().second);
      paused_.pop_front();
    }
  }
  [[nodiscard]] LoadTime NextPauseEnd() const {
    return paused_.empty() ? LoadTime::max() : paused_.front().first;
  }

 private:
  std::vector<LoadConnection> slots_;
  const bool reuse_;
  const std::size_t connecting_max_;
  std::array<std::size_t, LoadConnection::kStates> counts_{};
  std::vector<std::size_t> idle_;
  std::deque<std::pair<LoadTime, std::size_t>> paused_;
};

}  // namespace echogw::ctl::load
