// Moves connections between reactors: sends them in slices to the mailboxes of others, and takes in
// those that arrive. Reactor's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "reactor/base/clock.h"
#include "reactor/command.h"
#include "reactor/connection_host.h"
#include "reactor/limit_enforcer.h"
#include "reactor/loop_context.h"

namespace echogw {

class ConnectionMover {
 public:
  ConnectionMover(LoopContext& context, ConnectionHost& host, LimitEnforcer& limits)
      : context_(context), host_(host), limits_(limits) {}

  void Handle(MoveConnections& command);
  void Handle(AdoptConnections& command);
  // Moves one connection. It stays if the mailbox has no room.
  void Move(Connection& c, Token token, Mailbox& target);

  [[nodiscard]] Nanos next_at() const noexcept {
    return job_ && job_->next_slice_at < retry_at_ ? job_->next_slice_at : retry_at_;
  }
  // Moves the next slice and retries what the poller had no room for, if it is time.
  void Run();

 private:
  struct MoveJob {
    MoveConnections command;
    std::uint64_t moved = 0;
    std::uint32_t cursor = 0;
    std::size_t next_target = 0;
    Nanos next_slice_at = 0;
    bool came_back = false;  // some connection, since the cursor was at the beginning
  };
  [[nodiscard]] bool MayMove(const Connection& c, std::uint32_t index) const;

  // Takes a connection out of this reactor, with descriptor and pending bytes.
  [[nodiscard]] MovedConnection Detach(Connection& c, Token token);
  void Attach(MovedConnection arrived);
  // Returns how many left; those that the mailbox has no room for are attached again.
  [[nodiscard]] std::uint64_t Send(Mailbox& target, std::vector<MovedConnection> connections);
  void RunSlice();
  void EndJob();
  void RetryWatch();

  LoopContext& context_;
  ConnectionHost& host_;
  LimitEnforcer& limits_;
  std::optional<MoveJob> job_;
  std::vector<Token> unwatched_;  // the poller had no room for them
  Nanos retry_at_ = kNever;
};

}  // namespace echogw
