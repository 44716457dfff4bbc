#include "reactor/connection_closer.h"

#include <algorithm>
#include <utility>

namespace echogw {
namespace {

// How often the connections that are due next are closed.
constexpr Nanos kCloseTick = 5 * kNanosPerMilli;

}  // namespace

std::uint64_t ConnectionCloser::Closed(CloseReason reason) const {
  return context_.deps.counters.connections_closed[static_cast<std::size_t>(reason)].value();
}

void ConnectionCloser::Handle(const CloseConnections& command) {
  if (cancel_) EndCancel();
  if (job_) EndJob();
  job_.emplace(CloseJob{.command = command,
                        .begun_at = context_.now,
                        .next_at = context_.now,
                        .closed_before = Closed(CloseReason::kDrained),
                        .reset_before = Closed(CloseReason::kDrainForced)});
}

void ConnectionCloser::Run() {
  if (cancel_) return CancelSlice();
  CloseJob& job = *job_;
  const Nanos now = context_.now;
  if (now >= job.command.hard_deadline) return ResetSlice();
  if (context_.table.size() == 0) return EndJob();
  if (job.gather_from) return GatherSlice();
  if (now < job.next_at) return;
  const Nanos passed = now - job.begun_at;
  const std::size_t total = job.by_idle.size() + job.later.size() + job.begun;
  const std::size_t due =
      passed >= job.command.spread
          ? total
          : static_cast<std::size_t>(static_cast<double>(job.spread) * static_cast<double>(passed) /
                                     static_cast<double>(job.command.spread));
  const std::size_t until = std::min(due, job.begun + context_.options.slice_connections);
  for (; job.begun < until; ++job.begun) {
    const Token token = job.Next();
    if (Connection* c = context_.table.Find(token); c != nullptr) host_.BeginClose(*c, token);
  }
  if (job.begun < due) {
    job.next_at = now;
  } else {
    job.next_at = job.begun == total ? job.command.hard_deadline
                                     : std::min(now + kCloseTick, job.command.hard_deadline);
  }
  if (context_.table.size() == 0) EndJob();
}

// A heap costs little for each connection here, and little for each that is closed; all of them
// sorted at once would hold up the others.
void ConnectionCloser::GatherSlice() {
  CloseJob& job = *job_;
  job.gather_from = context_.table.ForSome(
      *job.gather_from, context_.options.slice_slots, [&](Connection& c, Token token) {
        job.by_idle.emplace_back(context_.IdleTimeOf(c), token);
        std::push_heap(job.by_idle.begin(), job.by_idle.end(), CloseJob::LessIdle);
      });
  if (job.gather_from) return;
  job.spread = job.by_idle.size();
  Run();
}

Token ConnectionCloser::CloseJob::Next() {
  Token next;
  if (by_idle.empty()) {
    next = later.front();
    later.pop_front();
  } else {
    std::pop_heap(by_idle.begin(), by_idle.end(), LessIdle);
    next = by_idle.back().second;
    by_idle.pop_back();
  }
  return next;
}

// Slice by slice until none is left, not even one that came meanwhile.
void ConnectionCloser::ResetSlice() {
  CloseJob& job = *job_;
  job.next_at = context_.now;
  job.reset_from = context_.table
                       .ForSome(job.reset_from, context_.options.slice_slots,
                                [&](Connection& c, Token token) {
                                  host_.Close(c, token, CloseReason::kDrainForced, true);
                                })
                       .value_or(0);
  if (context_.table.size() == 0) EndJob();
}

void ConnectionCloser::EndJob() {
  const Report report{.id = job_->command.id,
                      .kind = ReportKind::kClosed,
                      .connections_closed = Closed(CloseReason::kDrained) - job_->closed_before,
                      .connections_reset = Closed(CloseReason::kDrainForced) - job_->reset_before};
  job_.reset();
  host_.Answer(report);
}

void ConnectionCloser::Handle(const CancelClose& command) {
  if (cancel_) EndCancel();
  if (!job_) return host_.Answer({.id = command.id});
  EndJob();
  cancel_.emplace(CancelJob{.id = command.id});
}

void ConnectionCloser::CancelSlice() {
  // A FIN cannot be taken back, and connections closed by an operator or a limit stay closed.
  const auto next = context_.table.ForSome(cancel_->from, context_.options.slice_slots,
                                           [&](Connection& c, Token token) {
                                             if (c.fin_sent || c.admin_closed) return;
                                             c.closing = false;
                                             limits_.Arm(c, token.index);
                                           });
  if (!next) return EndCancel();
  cancel_->from = *next;
}

void ConnectionCloser::EndCancel() {
  const std::uint64_t id = cancel_->id;
  cancel_.reset();
  host_.Answer({.id = id});
}

void ConnectionCloser::Handle(const CloseSome& command) {
  ConnectionSlice slice{.id = command.id};
  for (const ConnectionRef& ref : command.refs) {
    Connection* c = lister_.Find(ref);
    if (c == nullptr) continue;
    slice.records.push_back({.ref = ref});
    const Token token{ref.index, c->generation};
    if (command.reset) {
      host_.Close(*c, token, CloseReason::kAdminReset, true);
    } else if (!c->closing) {
      c->admin_closed = true;
      host_.BeginClose(*c, token);
    }
  }
  command.reply->Push(std::move(slice));
}

void ConnectionCloser::ResetAll() {
  context_.table.ForEach(
      [&](Connection& c, Token token) { host_.Close(c, token, CloseReason::kDrainForced, true); });
}

}  // namespace echogw
