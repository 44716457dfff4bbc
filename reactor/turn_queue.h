// The connections of a reactor that have more to do, in their order, and how much one turn of the
// loop does for all of them. Reactor's thread.
//
// When the work of a turn is done, those who have not had theirs are first in the next, and whoever
// is ready then takes its place behind them: many busy connections hold up neither each other nor
// timers and commands.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "reactor/loop_context.h"

namespace echogw {

class TurnQueue {
 public:
  explicit TurnQueue(LoopContext& context) : context_(context) {}

  [[nodiscard]] bool empty() const noexcept { return queue_.empty(); }
  // A connection is in it at most once.
  void Push(Connection& c, Token token) {
    if (c.queued) return;
    c.queued = true;
    queue_.push_back(token.Pack());
  }

  // A turn of the loop begins.
  void BeginTurn() noexcept { begun_ = Work(); }
  // Whoever is ready has to queue: the last turn did not get through.
  [[nodiscard]] bool behind() const noexcept { return behind_; }
  // The work of this turn is done.
  [[nodiscard]] bool IsSpent() const noexcept {
    return Work() - begun_ >= context_.options.loop_reads;
  }

  // Calls `run(connection, token)` for one after the other until the work of this turn is done: at
  // least for one, and not for those that are queued meanwhile. Not empty.
  template <typename Run>
  void RunSome(const Run& run) {
    running_.swap(queue_);
    auto next = running_.begin();
    do {
      const Token token = Token::Unpack(*next++);
      Connection* c = context_.table.Find(token);
      if (c == nullptr) continue;
      c->queued = false;
      run(*c, token);
    } while (next != running_.end() && !IsSpent());
    behind_ = next != running_.end();
    if (behind_) [[unlikely]]
      queue_.insert(queue_.begin(), next, running_.end());
    running_.clear();
  }

 private:
  // In reads, so far.
  [[nodiscard]] std::uint64_t Work() const noexcept {
    return context_.deps.counters.reads.value() + context_.handshake_work;
  }

  LoopContext& context_;
  std::vector<std::uint64_t> queue_;    // packed tokens
  std::vector<std::uint64_t> running_;  // of this turn
  std::uint64_t begun_ = 0;             // Work() when the turn began
  bool behind_ = false;                 // the last turn did not get through
};

}  // namespace echogw
