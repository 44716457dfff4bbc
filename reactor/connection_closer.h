// Closes connections by command: all of them for a drain, in slices spread over time and by reset
// at a deadline; or some that an operator names. Reactor's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "reactor/base/clock.h"
#include "reactor/command.h"
#include "reactor/connection_host.h"
#include "reactor/connection_lister.h"
#include "reactor/limit_enforcer.h"
#include "reactor/loop_context.h"

namespace echogw {

class ConnectionCloser {
 public:
  ConnectionCloser(LoopContext& context, ConnectionHost& host, ConnectionLister& lister,
                   LimitEnforcer& limits)
      : context_(context), host_(host), lister_(lister), limits_(limits) {}

  void Handle(const CloseConnections& command);
  void Handle(const CancelClose& command);
  void Handle(const CloseSome& command);
  // Closes every connection with RST.
  void ResetAll();

  // A connection came while others are being closed: it is closed after them.
  void OnArrived(Token token) {
    if (!job_) [[likely]]
      return;
    job_->later.push_back(token);
    job_->next_at = context_.now;
  }

  // Whether all are being closed, or that is being taken back; then Run is called each turn of the
  // loop.
  [[nodiscard]] bool active() const noexcept { return job_.has_value() || cancel_.has_value(); }
  [[nodiscard]] Nanos next_at() const noexcept {
    if (cancel_) return 0;
    return job_ ? job_->next_at : kNever;
  }
  void Run();

 private:
  struct CloseJob {
    CloseConnections command;
    Nanos begun_at = 0;
    Nanos next_at = 0;
    // The slices that are next, of those that gather the connections and those that reset the rest.
    std::optional<std::uint32_t> gather_from = 0;
    std::uint32_t reset_from = 0;
    // To be closed: a heap with the longest idle on top, then those that came later.
    std::vector<std::pair<Nanos, Token>> by_idle;
    std::deque<Token> later;
    std::size_t spread = 0;  // how many are spread over time
    std::size_t begun = 0;   // how many are not in by_idle and later any more
    // Counters at the beginning.
    std::uint64_t closed_before = 0;
    std::uint64_t reset_before = 0;

    static bool LessIdle(const std::pair<Nanos, Token>& a, const std::pair<Nanos, Token>& b) {
      return a.first < b.first;
    }
    // There is one.
    [[nodiscard]] Token Next();
  };
  struct CancelJob {
    std::uint64_t id = 0;
    std::uint32_t from = 0;
  };

  [[nodiscard]] std::uint64_t Closed(CloseReason reason) const;
  void GatherSlice();
  void ResetSlice();
  void EndJob();
  void CancelSlice();
  void EndCancel();

  LoopContext& context_;
  ConnectionHost& host_;
  ConnectionLister& lister_;
  LimitEnforcer& limits_;
  std::optional<CloseJob> job_;
  std::optional<CancelJob> cancel_;
};

}  // namespace echogw
