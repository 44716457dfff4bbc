#include "reactor/connection_mover.h"

#include <algorithm>
#include <utility>

#include "reactor/base/check.h"

namespace echogw {

void ConnectionMover::Handle(MoveConnections& command) {
  CHECK(!command.targets.empty());
  if (job_) EndJob();
  job_.emplace(MoveJob{.command = std::move(command), .next_slice_at = context_.now});
}

void ConnectionMover::Handle(AdoptConnections& command) {
  context_.deps.counters.connections_moved_in.Add(command.connections.size());
  for (MovedConnection& moved : command.connections) Attach(std::move(moved));
}

void ConnectionMover::Move(Connection& c, Token token, Mailbox& target) {
  std::vector<MovedConnection> one;
  one.push_back(Detach(c, token));
  (void)Send(target, std::move(one));
}

void ConnectionMover::Run() {
  if (job_ && context_.now >= job_->next_slice_at) RunSlice();
  if (context_.now >= retry_at_) RetryWatch();
}

MovedConnection ConnectionMover::Detach(Connection& c, Token token) {
  if (!c.unwatched) context_.poller->Remove(c.fd);
  limits_.Forget(token.index);
  if (context_.engine != nullptr) HoldPrefetched(c, *context_.engine, context_.echo);
  context_.deps.counters.pending_bytes.Subtract(c.pending_bytes());
  auto cold = context_.table.TakeCold(token.index);
  MovedConnection out(c, std::move(cold));
  context_.table.Erase(token);
  context_.deps.counters.connections_active.Subtract(1);
  return out;
}

// Watching it again reports whatever arrived in between.
void ConnectionMover::Attach(MovedConnection arrived) {
  Connection moved = arrived.Take();
  const Token token = context_.table.Insert(moved.fd);
  Connection& c = *context_.table.Find(token);
  moved.generation = token.generation;
  moved.queued = false;
  moved.arrived_at_ms = context_.now_ms();
  moved.unwatched = false;
  c = moved;
  // A turn may be due: FIN when it is closing, or output of its session. Being writable leads to
  // it.
  c.watch_write = c.has_pending() || (c.closing && !c.fin_sent);
  c.watch_read = context_.edge || !c.has_pending();
  if (auto taken = arrived.TakeCold(); taken != nullptr) {
    ColdState& cold = context_.table.SetCold(token, std::move(taken));
    cold.paused_until = 0;
    if (cold.session != nullptr) c.watch_write = true;
  }
  context_.deps.counters.pending_bytes.Add(c.pending_bytes());
  context_.deps.counters.connections_active.Add(1);
  host_.OnArrived(c, token);
  if (context_.Watch(c, token) == 0) return;
  c.unwatched = true;
  unwatched_.push_back(token);
  retry_at_ = std::min(retry_at_, context_.now + kRetryPause);
}

std::uint64_t ConnectionMover::Send(Mailbox& target, std::vector<MovedConnection> connections) {
  const std::size_t n = connections.size();
  Command command = AdoptConnections{std::move(connections)};
  // Counted before the target can count them as arrived: a snapshot may miss a connection that is
  // in transit, but never has one twice.
  if (target.Post(std::move(command), context_.deps.counters.connections_moved_out, n)) return n;
  for (MovedConnection& m : std::get<AdoptConnections>(command).connections) Attach(std::move(m));
  return 0;
}

bool ConnectionMover::MayMove(const Connection& c, std::uint32_t index) const {
  const MoveConnections& command = job_->command;
  if (context_.ResidencyOf(c) < command.residency_min) return false;
  if (!command.portable_only || !c.has_cold) return true;
  const ColdState& cold = *context_.table.ColdOf(index);
  return cold.session == nullptr || cold.session->portable();
}

void ConnectionMover::RunSlice() {
  MoveJob& job = *job_;
  SlotTable& table = context_.table;
  const std::uint64_t slice = std::min<std::uint64_t>(context_.options.slice_connections,
                                                      job.command.count_max - job.moved);
  std::vector<std::vector<MovedConnection>> batches(job.command.targets.size());
  std::uint64_t taken = 0;
  while (taken < slice && job.cursor < table.capacity()) {
    const std::uint32_t index = job.cursor++;
    Connection* c = table.InSlot(index);
    if (c == nullptr || !MayMove(*c, index)) continue;
    batches[job.next_target].emplace_back(Detach(*c, {index, c->generation}));
    job.next_target = (job.next_target + 1) % batches.size();
    ++taken;
  }
  std::uint64_t gone = 0;
  for (std::size_t i = 0; i < batches.size(); ++i) {
    if (!batches[i].empty()) gone += Send(*job.command.targets[i], std::move(batches[i]));
  }
  job.moved += gone;
  job.next_slice_at = context_.now + (gone < taken ? kRetryPause : job.command.slice_pause);
  job.came_back = job.came_back || gone < taken;

  const bool to_the_last = job.command.count_max == UINT64_MAX && job.command.residency_min == 0;
  const bool some_left = job.command.portable_only ? job.came_back : table.size() > 0;
  if (job.cursor >= table.capacity() && to_the_last && some_left) {
    job.cursor = 0;  // some came back: start over
    job.came_back = false;
    return;
  }
  if (job.cursor >= table.capacity() || job.moved >= job.command.count_max) EndJob();
}

void ConnectionMover::EndJob() {
  const Report report{
      .id = job_->command.id, .kind = ReportKind::kMoved, .connections_moved = job_->moved};
  job_.reset();
  host_.Answer(report);
}

void ConnectionMover::RetryWatch() {
  retry_at_ = kNever;
  for (const Token token : std::exchange(unwatched_, {})) {
    Connection* c = context_.table.Find(token);
    if (c == nullptr) continue;
    if (context_.Watch(*c, token) == 0) {
      c->unwatched = false;
      continue;
    }
    unwatched_.push_back(token);
    retry_at_ = context_.now + kRetryPause;
  }
}

}  // namespace echogw
