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
  if (job_) EndJob();
  std::vector<std::pair<Nanos, Token>> idle;
  context_.table.ForEach(
      [&](Connection& c, Token token) { idle.emplace_back(context_.IdleTimeOf(c), token); });
  std::sort(idle.begin(), idle.end(),
            [](const auto& a, const auto& b) { return a.first > b.first; });
  job_.emplace(CloseJob{.command = command,
                        .begun_at = context_.now,
                        .next_at = context_.now,
                        .spread = idle.size(),
                        .closed_before = Closed(CloseReason::kDrained),
                        .reset_before = Closed(CloseReason::kDrainForced)});
  job_->order.reserve(idle.size());
  for (const auto& [time, token] : idle) job_->order.push_back(token);
}

void ConnectionCloser::Run() {
  CloseJob& job = *job_;
  const Nanos now = context_.now;
  if (now >= job.command.hard_deadline) {
    ResetAll();
    return EndJob();
  }
  if (context_.table.size() == 0) return EndJob();
  if (now < job.next_at) return;
  const Nanos passed = now - job.begun_at;
  const std::size_t due =
      passed >= job.command.spread
          ? job.order.size()
          : static_cast<std::size_t>(static_cast<double>(job.spread) * static_cast<double>(passed) /
                                     static_cast<double>(job.command.spread));
  const std::size_t until = std::min(due, job.begun + context_.options.slice_connections);
  for (; job.begun < until; ++job.begun) {
    const Token token = job.order[job.begun];
    if (Connection* c = context_.table.Find(token); c != nullptr) host_.BeginClose(*c, token);
  }
  if (job.begun < due) {
    job.next_at = now;
  } else {
    job.next_at = job.begun == job.order.size()
                      ? job.command.hard_deadline
                      : std::min(now + kCloseTick, job.command.hard_deadline);
  }
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
  if (job_) {
    // A FIN cannot be taken back, and connections closed by an operator or a limit stay closed.
    context_.table.ForEach([&](Connection& c, Token token) {
      if (c.fin_sent || c.admin_closed) return;
      c.closing = false;
      limits_.Arm(c, token.index);
    });
    EndJob();
  }
  host_.Answer({.id = command.id});
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
