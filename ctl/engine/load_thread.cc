#include "ctl/engine/load_thread.h"

#include <sys/prctl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace echogw::ctl::load {
namespace {

using State = LoadConnection::State;

// Pending connects over all threads: a burst of this size fits any accept queue.
constexpr std::size_t kConnectingMax = 256;
// Connects started in one turn: in a larger batch, the last ones would seem slow.
constexpr std::size_t kConnectsPerTurn = 8;
// Messages of a rate sent in one turn, so that a client that is behind still reads and stops.
constexpr std::size_t kSendsPerTurn = 1024;
// How often Stop() and timeouts are checked when nothing else happens.
constexpr Duration kCheckEvery = std::chrono::milliseconds(100);

}  // namespace

absl::Status LoadThread::Check(const LoadOptions& options) {
  if (options.threads >= 1 && options.connections >= options.threads && options.depth >= 1 &&
      options.message_bytes >= 1) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "a load needs a thread, a connection for each thread, a depth and a message size of 1");
}

LoadThread::LoadThread(const LoadOptions& options, const Pattern& pattern, const LoadShare& share,
                       StartGate& gate, const std::atomic<bool>& stop)
    : options_(options),
      gate_(gate),
      stop_(stop),
      schedule_(options, share),
      slots_(share.count, options.mode == LoadMode::kChurn,
             std::max<std::size_t>(1, kConnectingMax / options.threads)),
      driver_(options, pattern, share, slots_, schedule_, window_, wait_) {}

void LoadThread::Run() {
  // Otherwise timers fire up to 50 us late; so they do on failure.
  prctl(PR_SET_TIMERSLACK, 1);
  wait_.LeaveSharedFiles();
  if (!churn()) OpenStreams();
  StartTraffic(gate_.ArriveAndWait());
  while (!window_.closed() ||
         ((driver_.unanswered() > 0 || slots_.pending() > 0) && LoadClock::now() < drain_until_)) {
    Turn();
  }
  FinishAll();
  Publish();
}

LoadResult LoadThread::TakeResult() {
  LoadResult& result = driver_.result();
  result.measured_from = window_.from();
  result.measured = window_.measured();
  result.measured_cpu = window_.cpu();
  return std::move(result);
}

void LoadThread::OpenStreams() {
  const LoadTime began = LoadClock::now();
  next_timeout_check_ = began + kCheckEvery;
  while (slots_.In(State::kIdle) + slots_.In(State::kConnecting) > 0 && !stopped()) Turn();
  for (LoadConnection& connection : slots_) {
    if (connection.state == State::kConnecting) driver_.Close(connection);
  }
  driver_.result().connect_phase = LoadClock::now() - began;
}

void LoadThread::StartTraffic(LoadTime start) {
  traffic_ = true;
  window_.Open(start, options_.warmup, options_.duration);
  schedule_.Start(start);
  next_timeout_check_ = start + kCheckEvery;
  if (churn() || schedule_.has_rate()) return;
  for (LoadConnection& connection : slots_) {
    if (connection.state == State::kOpen) driver_.Begin(connection, LoadClock::now());
  }
}

void LoadThread::Turn() {
  const LoadTime now = LoadClock::now();
  if (traffic_) {
    window_.Update(now);
    if (!window_.closed() && IsOver(now)) {
      SendDue(std::min(now, window_.last()));
      BeginStop(now);
      return;
    }
  }
  slots_.EndPauses(now);
  if (!window_.closed()) {
    StartConnects(now);
    if (schedule_.has_rate()) SendDue(now);
  }
  if (now >= next_timeout_check_) CheckTimeouts(now);
  Publish();
  const auto events = wait_.Wait(now, NextDue(now), NextCheck(now));
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (i + 1 < events.size()) slots_.Prefetch(events[i + 1].data.u64);
    driver_.Handle(slots_[events[i].data.u64], events[i].events);
  }
}

bool LoadThread::IsOver(LoadTime now) const {
  if (stopped() || window_.IsOver(now) || slots_.In(State::kDead) == slots_.size()) return true;
  const LoadResult& result = driver_.result();
  if (churn() && result.connects == 0 && result.errors.total() >= slots_.size()) return true;
  return schedule_.exhausted() && driver_.unanswered() == 0 && slots_.pending() == 0;
}

void LoadThread::BeginStop(LoadTime now) {
  window_.Close(now);
  drain_until_ = Later(now, options_.stall_timeout);
  driver_.result().interrupted = stopped();
  driver_.result().unsent = schedule_.Overdue(std::min(now, window_.last()));
}

// A missing answer is an error, unless answers still arrive and there were too many to wait for;
// other connections end without error.
void LoadThread::FinishAll() {
  const LoadTime now = LoadClock::now();
  LoadResult& result = driver_.result();
  for (LoadConnection& connection : slots_) {
    if (connection.state == State::kConnecting) {
      driver_.Fail(connection, ErrorKind::kConnectTimeout, ETIMEDOUT);
    }
    if (connection.state != State::kOpen) continue;
    if (connection.issued > connection.completed &&
        now - connection.last_progress > options_.stall_timeout / 2) {
      driver_.Fail(connection, ErrorKind::kTimeout, 0, "answer missing at the end");
      continue;
    }
    ++result.alive_at_end;
    result.unfinished += connection.due - connection.completed;
    if (options_.await_fin && connection.due == connection.completed) {
      driver_.Finish(connection);
    } else {
      driver_.Close(connection);
    }
  }
  drain_until_ = Later(LoadClock::now(), options_.stall_timeout);
  while (slots_.In(State::kFinishing) > 0 && LoadClock::now() < drain_until_) Turn();
  for (LoadConnection& connection : slots_) {
    if (connection.state != State::kFinishing) continue;
    driver_.Fail(connection, ErrorKind::kTimeout, 0, "no FIN from the server at the end");
  }
}

void LoadThread::StartConnects(LoadTime now) {
  for (std::size_t i = 0; i < kConnectsPerTurn && slots_.CanConnect(); ++i) {
    LoadTime began = now;
    if (churn() && schedule_.has_rate()) {
      const auto index = schedule_.TakeDue(now);
      if (!index) return;
      began = schedule_.DueTime(*index);
    } else if (churn() && schedule_.Take(1) == 0) {
      return;
    }
    driver_.Connect(now, began);
  }
}

void LoadThread::SendDue(LoadTime now) {
  if (!traffic_ || churn() || !schedule_.has_rate()) return;
  for (std::size_t i = 0; i < kSendsPerTurn; ++i) {
    const auto index = schedule_.TakeDue(now);
    if (!index) return;
    LoadConnection& connection = slots_[*index % slots_.size()];
    if (connection.state == State::kOpen) driver_.AddDue(connection, now);
  }
}

void LoadThread::CheckTimeouts(LoadTime now) {
  next_timeout_check_ = now + kCheckEvery;
  for (LoadConnection& connection : slots_) {
    const bool stalled = now - connection.last_progress > options_.stall_timeout;
    if (connection.state == State::kConnecting) {
      if (now - connection.connect_began <= options_.connect_timeout) continue;
      driver_.Fail(connection, ErrorKind::kConnectTimeout, ETIMEDOUT);
    } else if (connection.state == State::kOpen && stalled &&
               connection.due > connection.completed) {
      driver_.Fail(connection, ErrorKind::kTimeout, 0, "no byte came within the timeout");
    } else if (connection.state == State::kFinishing && stalled) {
      driver_.Fail(connection, ErrorKind::kTimeout, 0, "no FIN came within the timeout");
    }
  }
}

LoadTime LoadThread::NextCheck(LoadTime now) const {
  const LoadTime check = std::min(now + kCheckEvery, next_timeout_check_);
  return std::min(check, window_.closed() ? drain_until_ : window_.NextChange());
}

LoadTime LoadThread::NextDue(LoadTime now) const {
  if (window_.closed()) return LoadTime::max();
  const bool scheduled = traffic_ && schedule_.has_rate();
  if (slots_.CanConnect() && !(churn() && (scheduled || schedule_.exhausted()))) return now;
  LoadTime due = slots_.NextPauseEnd();
  if (scheduled && (!churn() || slots_.CanConnect())) due = std::min(due, schedule_.NextDue());
  return due;
}

void LoadThread::Publish() {
  const LoadResult& result = driver_.result();
  progress_.messages.store(result.messages, std::memory_order_relaxed);
  progress_.connects.store(result.connects, std::memory_order_relaxed);
  progress_.errors.store(result.errors.total(), std::memory_order_relaxed);
  progress_.open.store(slots_.In(State::kOpen), std::memory_order_relaxed);
}

}  // namespace echogw::ctl::load
