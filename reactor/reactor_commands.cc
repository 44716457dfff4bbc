#include <algorithm>
#include <cerrno>
#include <utility>

#include "reactor/base/check.h"
#include "reactor/reactor.h"
#include "reactor/reactor_internal.h"

namespace echogw {

void Reactor::ReadMail() {
  mail_ = false;
  for (Command& command : deps_.mailbox.Take()) {
    std::visit(
        [this](auto& c) {
          loop_.Assert();
          Do(c);
        },
        command);
  }
}

void Reactor::Answer(const Report& report) {
  Report signed_report = report;
  signed_report.slot = options_.id;
  signed_report.connections_left = table_.size();
  signed_report.listeners_left = static_cast<std::uint64_t>(std::count_if(
      listeners_.begin(), listeners_.end(), [](const WatchedListener& w) { return w.taken; }));
  deps_.reports.Push(signed_report);
}

void Reactor::Do(Stop& /*command*/) { stopped_ = true; }

void Reactor::Do(AdoptListeners& command) {
  for (const Listener& listener : command.listeners) AddListener(listener);
  Answer({.id = command.id, .kind = ReportKind::kListenersAdopted});
}

void Reactor::Do(HandOverListeners& command) {
  CHECK(!command.targets.empty());
  std::vector<std::vector<Listener>> given(command.targets.size());
  for (WatchedListener& w : listeners_) {
    if (!w.taken || (command.slot && w.listener.slot != *command.slot)) continue;
    UnwatchListener(w);
    w.taken = false;
    given[w.listener.slot % given.size()].push_back(w.listener);
  }
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (given[i].empty()) continue;
    // Answered by the target too: with id 0, which nobody waits for.
    if (command.targets[i]->Post(AdoptListeners{.id = 0, .listeners = given[i]})) continue;
    for (const Listener& listener : given[i]) AddListener(listener);  // no room: stays ours
  }
  Answer({.id = command.id, .kind = ReportKind::kListenersHandedOver});
}

void Reactor::Do(SetAdmission& command) {
  admission_ = command.admission;
  detach_filter_ = command.detach_filter;
  drop_datagrams_ = command.drop_datagrams;
  if (AwaitsAcceptToken()) resume_accepting_at_ = now_;  // a reset needs no token
  Answer({.id = command.id});
}

// ---- moving connections ----

void Reactor::Do(MoveConnections& command) {
  CHECK(!command.targets.empty());
  if (move_job_) EndMoveJob();
  move_job_.emplace(MoveJob{.command = std::move(command), .next_slice_at = now_});
}

bool Reactor::MayMove(const Connection& c) const {
  const std::uint32_t here_ms =
      Elapsed(static_cast<std::uint32_t>(now_ / kNanosPerMilli), c.arrived_at_ms);
  return Nanos{here_ms} * kNanosPerMilli >= move_job_->command.residency_min;
}

// Takes a connection out of this reactor, descriptor open, pending bytes and all.
MovedConnection Reactor::Detach(Connection& c, Token token) {
  if (!c.unwatched) poller_->Remove(c.fd);
  timers_.Cancel(token.index);
  if (engine_ != nullptr) HoldPrefetched(c, *engine_, echo_);
  deps_.counters.pending_bytes.Subtract(c.pending_bytes());
  auto extra = table_.TakeCold(token.index);
  MovedConnection out(c, std::move(extra));
  table_.Erase(token);
  deps_.counters.connections_active.Subtract(1);
  return out;
}

// The reverse. Being watched anew reports whatever arrived in between.
void Reactor::Attach(MovedConnection arrived) {
  Connection moved = arrived.Take();
  const Token token = table_.Insert(moved.fd);
  Connection& c = *table_.Find(token);
  moved.generation = token.generation;
  moved.queued = false;
  moved.arrived_at_ms = static_cast<std::uint32_t>(now_ / kNanosPerMilli);
  moved.unwatched = false;
  c = moved;
  if (auto extra = arrived.TakeCold(); extra != nullptr) table_.SetCold(token, std::move(extra));
  // One that closes may have been about to get its FIN: to be writable leads to a turn.
  c.watch_write = c.has_pending() || (c.closing && !c.fin_sent);
  c.watch_read = edge_ || !c.has_pending();
  if (c.has_cold) ResumeSession(c, token);
  deps_.counters.pending_bytes.Add(c.pending_bytes());
  deps_.counters.connections_active.Add(1);
  if (c.has_cold) table_.ColdOf(token.index)->paused_until = 0;  // watched anew, as above
  Regulate(c, token);
  if (poller_->Add(c.fd, token.Pack(), InterestOf(c), edge_) == 0) return;
  // The poller has no room at the moment. The connection is kept and tried again.
  c.unwatched = true;
  unwatched_.push_back(token.Pack());
  retry_unwatched_at_ = std::min(retry_unwatched_at_, now_ + kRetryPause);
}

void Reactor::Do(AdoptConnections& command) {
  deps_.counters.connections_moved_in.Add(command.connections.size());
  for (MovedConnection& moved : command.connections) Attach(std::move(moved));
}

// Posts each batch; what a target has no room for comes back. Returns how many are gone.
std::uint64_t Reactor::SendAway(std::vector<std::vector<MovedConnection>>& batches) {
  std::uint64_t gone = 0;
  for (std::size_t i = 0; i < batches.size(); ++i) {
    if (batches[i].empty()) continue;
    const std::size_t n = batches[i].size();
    Command command = AdoptConnections{std::move(batches[i])};
    // Counted before the target can count them as arrived, so that no snapshot shows a connection
    // twice: it may miss one that is under way.
    Counter& moved_out = deps_.counters.connections_moved_out;
    if (move_job_->command.targets[i]->Post(std::move(command), moved_out, n)) {
      gone += n;
      continue;
    }
    for (MovedConnection& m : std::get<AdoptConnections>(command).connections) Attach(std::move(m));
  }
  return gone;
}

void Reactor::RunMoveJob() {
  MoveJob& job = *move_job_;
  if (now_ < job.next_slice_at) return;
  const std::uint64_t slice =
      std::min<std::uint64_t>(options_.slice_connections, job.command.count_max - job.moved);
  std::vector<std::vector<MovedConnection>> batches(job.command.targets.size());
  std::uint64_t taken = 0;
  while (taken < slice && job.cursor < table_.capacity()) {
    const std::uint32_t index = job.cursor++;
    Connection* c = table_.InSlot(index);
    if (c == nullptr || !MayMove(*c)) continue;
    batches[job.next_target].emplace_back(Detach(*c, {index, c->generation}));
    job.next_target = (job.next_target + 1) % batches.size();
    ++taken;
  }
  const std::uint64_t gone = SendAway(batches);
  job.moved += gone;
  job.next_slice_at = now_ + (gone < taken ? kRetryPause : job.command.slice_pause);

  const bool to_the_last = job.command.count_max == UINT64_MAX && job.command.residency_min == 0;
  if (job.cursor >= table_.capacity() && to_the_last && table_.size() > 0) {
    job.cursor = 0;  // some came back: once more from the beginning
    return;
  }
  if (job.cursor < table_.capacity() && job.moved < job.command.count_max) return;
  EndMoveJob();
}

void Reactor::EndMoveJob() {
  const Report report{.id = move_job_->command.id,
                      .kind = ReportKind::kMoved,
                      .connections_moved = move_job_->moved};
  move_job_.reset();
  Answer(report);
}

// ---- closing connections ----

void Reactor::Do(CloseConnections& command) {
  if (close_job_) EndCloseJob();
  CloseJob job;
  job.command = command;
  job.begun_at = now_;
  job.next_at = now_;
  const auto now_ms = static_cast<std::uint32_t>(now_ / kNanosPerMilli);
  std::vector<std::pair<std::uint32_t, std::uint64_t>> idle;  // milliseconds, token
  for (std::uint32_t i = 0; i < table_.capacity(); ++i) {
    const Connection* c = table_.InSlot(i);
    if (c == nullptr) continue;
    idle.emplace_back(Elapsed(now_ms, c->active_at_ms), Token{i, c->generation}.Pack());
  }
  std::sort(idle.begin(), idle.end(),
            [](const auto& a, const auto& b) { return a.first > b.first; });
  job.order.reserve(idle.size());
  for (const auto& [ms, token] : idle) job.order.push_back(token);
  const auto& closed = deps_.counters.connections_closed;
  job.closed_before = closed[static_cast<std::size_t>(CloseReason::kDrained)].value();
  job.reset_before = closed[static_cast<std::size_t>(CloseReason::kDrainForced)].value();
  close_job_.emplace(std::move(job));
}

void Reactor::BeginCloseOf(Connection& c, Token token) {
  if (c.closing) return;
  c.closing = true;
  if (engine_ != nullptr) engine_->CatchUp(c.fd);
  if (!c.has_pending()) Settle(c, token, TurnOf(c, token, true, 0));
}

void Reactor::ResetAllLeft() {
  for (std::uint32_t i = 0; i < table_.capacity(); ++i) {
    Connection* c = table_.InSlot(i);
    if (c != nullptr) CloseConnection(*c, {i, c->generation}, CloseReason::kDrainForced);
  }
}

void Reactor::RunCloseJob() {
  CloseJob& job = *close_job_;
  if (now_ >= job.command.hard_deadline) {
    ResetAllLeft();
    return EndCloseJob();
  }
  if (table_.size() == 0) return EndCloseJob();
  if (now_ < job.next_at) return;
  const Nanos passed = now_ - job.begun_at;
  const std::size_t total = job.order.size();
  const std::size_t due =
      passed >= job.command.spread
          ? total
          : static_cast<std::size_t>(static_cast<double>(total) * static_cast<double>(passed) /
                                     static_cast<double>(job.command.spread));
  const std::size_t until = std::min(due, job.begun + options_.slice_connections);
  for (; job.begun < until; ++job.begun) {
    const Token token = Token::Unpack(job.order[job.begun]);
    if (Connection* c = table_.Find(token); c != nullptr) BeginCloseOf(*c, token);
  }
  job.next_at = job.begun < due ? now_ : std::min(now_ + kCloseTick, job.command.hard_deadline);
  if (table_.size() == 0) return EndCloseJob();
  if (job.begun < total) return;
  // Those that came after it began: no spread is left to give them.
  for (std::uint32_t i = 0; i < table_.capacity(); ++i) {
    Connection* c = table_.InSlot(i);
    if (c != nullptr && !c->closing) BeginCloseOf(*c, {i, c->generation});
  }
}

void Reactor::EndCloseJob() {
  const auto& closed = deps_.counters.connections_closed;
  const Report report{
      .id = close_job_->command.id,
      .kind = ReportKind::kClosed,
      .connections_closed = closed[static_cast<std::size_t>(CloseReason::kDrained)].value() -
                            close_job_->closed_before,
      .connections_reset = closed[static_cast<std::size_t>(CloseReason::kDrainForced)].value() -
                           close_job_->reset_before};
  close_job_.reset();
  Answer(report);
}

void Reactor::Do(CancelClose& command) {
  if (close_job_) {
    // Those that have our FIN cannot be taken back, and what an operator or a limit closed is none
    // of the drain's; the others live on.
    for (std::uint32_t i = 0; i < table_.capacity(); ++i) {
      Connection* c = table_.InSlot(i);
      if (c == nullptr || c->fin_sent || c->admin_closed) continue;
      c->closing = false;
      if (limits_.times()) Arm(*c, i);
    }
    EndCloseJob();
  }
  Answer({.id = command.id});
}

}  // namespace echogw
