#include "ctl/engine/load_thread.h"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <ctime>

#include "ctl/engine/thread_share.h"

namespace echogw::ctl::load {

namespace {

using std::chrono::nanoseconds;

constexpr std::size_t kEventsPerWait = 512;
// Connects under way at a time over all threads: a wave this size fits any accept queue.
constexpr std::size_t kConnectingMax = 256;
// Connects begun in one turn: a larger batch would make the connects look slow that are looked at
// last.
constexpr std::size_t kConnectsPerTurn = 8;
// How soon Stop() is seen when nothing happens.
constexpr nanoseconds kLongestWait = std::chrono::milliseconds(100);
constexpr nanoseconds kScanEvery = std::chrono::milliseconds(100);
// A wait for something that is further away than this is ended by the timer.
constexpr nanoseconds kTimerFrom = std::chrono::milliseconds(1);
constexpr std::uint64_t kTimerToken = UINT64_MAX;

timespec TimeSpec(nanoseconds time) {
  return {.tv_sec = time.count() / 1'000'000'000, .tv_nsec = time.count() % 1'000'000'000};
}

// epoll_wait with nanoseconds, for a schedule that is finer than a millisecond; negative: without
// end. Kernels before 5.11 lack it: there the wait is rounded down, so that no message goes out
// late.
int Wait(int epoll, epoll_event* events, nanoseconds timeout) {
  if (timeout.count() <= 0) {
    return epoll_wait(epoll, events, kEventsPerWait, timeout.count() == 0 ? 0 : -1);
  }
  const timespec time = TimeSpec(timeout);
  const int count = epoll_pwait2(epoll, events, kEventsPerWait, &time, nullptr);
  if (count >= 0 || errno != ENOSYS) return count;
  return epoll_wait(epoll, events, kEventsPerWait, static_cast<int>(timeout.count() / 1'000'000));
}

}  // namespace

LoadThread::LoadThread(const LoadOptions& options, const Pattern& pattern, LoadShare share,
                       StartGate& gate, const std::atomic<bool>& stop)
    : options_(options),
      pattern_(pattern),
      share_(share),
      gate_(gate),
      stop_(stop),
      connections_(share.count),
      buffer_(Pattern::kContiguous),
      messages_left_(share.messages),
      next_serial_(share.first) {
  if (options.rate > 0) {
    interval_nanoseconds_ = 1e9 / options.rate * static_cast<double>(options.connections) /
                            static_cast<double>(share.count);
  } else if (!churn()) {
    send_times_.resize(share.count * options.depth);
  }
  // The lowest slot is taken first.
  for (std::size_t i = share.count; i > 0; --i) idle_.push_back(i - 1);
}

LoadThread::~LoadThread() {
  if (epoll_ >= 0) close(epoll_);
  if (timer_ >= 0) close(timer_);
}

absl::Status LoadThread::Open() {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) return absl::ErrnoToStatus(errno, "epoll_create1 for a client thread");
  timer_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.u64 = kTimerToken}};
  if (timer_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, timer_, &event) != 0) {
    return absl::ErrnoToStatus(errno, "a timer for a client thread");
  }
  return absl::OkStatus();
}

void LoadThread::Run() {
  // Timers of a schedule fire up to 50 us late otherwise. A failure costs only that.
  prctl(PR_SET_TIMERSLACK, 1);
  LeaveSharedFiles();
  if (!churn()) OpenStreams();
  StartTraffic(gate_.ArriveAndWait());
  while (!stopping_ ||
         ((unanswered_ > 0 || connecting_ + finishing_ > 0) && LoadClock::now() < drain_until_)) {
    Turn();
  }
  FinishAll();
  Publish();
}

// What the process has open is not held open by the copy. Kernels before 5.9 go on with the table
// of the process, which costs only time.
void LoadThread::LeaveSharedFiles() const {
  static constexpr unsigned kFirst = STDERR_FILENO + 1;
  const auto low = static_cast<unsigned>(std::min(epoll_, timer_));
  const auto high = static_cast<unsigned>(std::max(epoll_, timer_));
  if (close_range(std::max(high + 1, kFirst), UINT_MAX, CLOSE_RANGE_UNSHARE) != 0) return;
  const auto close_from = [](unsigned first, unsigned end) {
    first = std::max(first, kFirst);
    if (first < end) close_range(first, end - 1, 0);
  };
  close_from(low + 1, high);
  close_from(kFirst, low);
}

void LoadThread::OpenStreams() {
  const LoadTime began = LoadClock::now();
  next_scan_ = began + kScanEvery;
  while ((!idle_.empty() || connecting_ > 0) && !stop_.load(std::memory_order_relaxed)) Turn();
  for (Connection& connection : connections_) {
    if (connection.state == State::kConnecting) Close(connection);
  }
  result_.connect_phase = LoadClock::now() - began;
}

void LoadThread::StartTraffic(LoadTime start) {
  traffic_ = true;
  measure_from_ = start + options_.warmup;
  if (options_.duration.count() > 0) measure_until_ = measure_from_ + options_.duration;
  // Threads take turns within the schedule of the whole load.
  schedule_start_ = start + nanoseconds(static_cast<std::int64_t>(
                                interval_nanoseconds_ * static_cast<double>(share_.first) /
                                static_cast<double>(options_.connections)));
  next_scan_ = start + kScanEvery;
  if (churn() || options_.rate > 0) return;
  for (Connection& connection : connections_) {
    if (connection.state != State::kOpen) continue;
    IssueStream(connection, LoadClock::now());
    Send(connection);
  }
}

void LoadThread::Turn() {
  const LoadTime now = LoadClock::now();
  if (traffic_ && !measuring_ && now >= measure_from_) {
    measuring_ = true;
    cpu_at_measure_ = ThreadCpuTime();
  }
  if (traffic_ && !stopping_ && IsOver(now)) {
    BeginStop(now);
    return;
  }
  while (!paused_.empty() && paused_.front().first <= now) {
    idle_.push_back(paused_.front().second);
    paused_.pop_front();
  }
  if (!stopping_) {
    StartIdle(now);
    if (traffic_ && options_.rate > 0 && !churn()) IssueDue(now);
  }
  if (now >= next_scan_) ScanTimeouts(now);
  Publish();
  WaitAndHandle(now);
}

bool LoadThread::IsOver(LoadTime now) const {
  if (stop_.load(std::memory_order_relaxed) || now >= measure_until_) return true;
  if (dead_ == connections_.size()) return true;
  if (churn() && result_.connects == 0 && result_.errors.total() >= connections_.size())
    return true;
  return messages_left_ == 0 && unanswered_ == 0 && connecting_ + finishing_ == 0;
}

void LoadThread::BeginStop(LoadTime now) {
  stopping_ = true;
  drain_until_ = now + options_.stall_timeout;
  result_.interrupted = stop_.load(std::memory_order_relaxed);
  if (!measuring_) return;
  result_.measured_from = measure_from_;
  result_.measured = now - measure_from_;
  result_.measured_cpu = ThreadCpuTime() - cpu_at_measure_;
}

// Answers that did not come are errors, unless they are still coming and there were too many to
// wait for; every other connection is ended in the agreed way.
void LoadThread::FinishAll() {
  const LoadTime now = LoadClock::now();
  for (Connection& connection : connections_) {
    if (connection.state == State::kConnecting) {
      Fail(connection, ErrorKind::kConnectTimeout, ETIMEDOUT);
    }
    if (connection.state != State::kOpen) continue;
    const bool waits = connection.issued > connection.completed;
    if (waits && now - connection.last_progress > options_.stall_timeout / 2) {
      Fail(connection, ErrorKind::kTimeout, 0, "answer missing at the end");
      continue;
    }
    ++result_.alive_at_end;
    result_.unfinished += connection.due - connection.completed;
    if (connection.due > connection.completed) {
      Close(connection);
    } else if (options_.await_fin) {
      BeginFinish(connection);
    } else {
      Close(connection);
    }
  }
  drain_until_ = LoadClock::now() + options_.stall_timeout;
  while (finishing_ > 0 && LoadClock::now() < drain_until_) Turn();
  for (Connection& connection : connections_) {
    if (connection.state != State::kFinishing) continue;
    Fail(connection, ErrorKind::kTimeout, 0, "no FIN from the server at the end");
  }
}

bool LoadThread::CanConnect() const {
  return !idle_.empty() &&
         connecting_ < std::max<std::size_t>(1, kConnectingMax / options_.threads);
}

void LoadThread::StartIdle(LoadTime now) {
  for (std::size_t i = 0; i < kConnectsPerTurn && CanConnect(); ++i) {
    LoadTime began = now;
    if (churn()) {
      if (messages_left_ == 0) return;
      if (options_.rate > 0) {
        began = DueTime(schedule_next_);
        if (began > now) return;
        ++schedule_next_;
      }
      --messages_left_;
    }
    Connection& connection = connections_[idle_.back()];
    idle_.pop_back();
    Connect(connection, now, began);
  }
}

void LoadThread::IssueDue(LoadTime now) {
  while (messages_left_ > 0 && DueTime(schedule_next_) <= now) {
    Connection& connection = connections_[schedule_next_ % connections_.size()];
    ++schedule_next_;
    --messages_left_;
    if (connection.state != State::kOpen) continue;
    ++connection.due;
    ++unanswered_;
    IssueStream(connection, now);
    Send(connection);
  }
}

void LoadThread::ScanTimeouts(LoadTime now) {
  next_scan_ = now + kScanEvery;
  for (Connection& connection : connections_) {
    switch (connection.state) {
      case State::kConnecting:
        if (now - connection.connect_began > options_.connect_timeout) {
          Fail(connection, ErrorKind::kConnectTimeout, ETIMEDOUT);
        }
        break;
      case State::kOpen:
        if (connection.due > connection.completed &&
            now - connection.last_progress > options_.stall_timeout) {
          Fail(connection, ErrorKind::kTimeout, 0, "no byte came within the timeout");
        }
        break;
      case State::kFinishing:
        if (now - connection.last_progress > options_.stall_timeout) {
          Fail(connection, ErrorKind::kTimeout, 0, "no FIN came within the timeout");
        }
        break;
      case State::kIdle:
      case State::kDead:
        break;
    }
  }
}

void LoadThread::WaitAndHandle(LoadTime now) {
  std::array<epoll_event, kEventsPerWait> events;
  const int count = Wait(epoll_, events.data(), WaitTime(now));
  // Only EINTR can happen, and the next turn waits again.
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.u64 == kTimerToken) continue;
    if (i + 1 < count) Prefetch(events[static_cast<std::size_t>(i) + 1].data.u64);
    Handle(connections_[event.data.u64], event.events);
  }
}

// What is due at a time of its own is waited for by that time; all else is looked after by a timer
// that needs no call for each wait.
nanoseconds LoadThread::WaitTime(LoadTime now) {
  const LoadTime due = NextDue(now);
  const LoadTime check = NextCheck(now);
  if (std::min(due, check) <= now) return nanoseconds(0);
  if (due < check || check - now < kTimerFrom) return std::min(due, check) - now;
  if (timer_at_ > now && timer_at_ <= check) return nanoseconds(-1);
  const itimerspec time{.it_interval = {}, .it_value = TimeSpec(check.time_since_epoch())};
  if (timerfd_settime(timer_, TFD_TIMER_ABSTIME, &time, nullptr) != 0) return check - now;
  timer_at_ = check;
  return nanoseconds(-1);
}

LoadTime LoadThread::NextCheck(LoadTime now) const {
  const LoadTime check = std::min(now + kLongestWait, next_scan_);
  if (stopping_) return std::min(check, drain_until_);
  return std::min(check, measuring_ ? measure_until_ : measure_from_);
}

LoadTime LoadThread::NextDue(LoadTime now) const {
  if (stopping_) return LoadTime::max();
  const bool scheduled = traffic_ && options_.rate > 0;
  if (CanConnect() && !(churn() && (scheduled || messages_left_ == 0))) return now;
  LoadTime due = paused_.empty() ? LoadTime::max() : paused_.front().first;
  if (scheduled && messages_left_ > 0 && (!churn() || CanConnect())) {
    due = std::min(due, DueTime(schedule_next_));
  }
  return due;
}

LoadTime LoadThread::DueTime(std::uint64_t index) const {
  return schedule_start_ +
         nanoseconds(static_cast<std::int64_t>(interval_nanoseconds_ * static_cast<double>(index)));
}

LoadTime LoadThread::IntendedTime(const Connection& connection) const {
  return DueTime(connection.completed * connections_.size() + IndexOf(connection));
}

void LoadThread::Publish() {
  progress_.messages.store(result_.messages, std::memory_order_relaxed);
  progress_.connects.store(result_.connects, std::memory_order_relaxed);
  progress_.errors.store(result_.errors.total(), std::memory_order_relaxed);
  progress_.open.store(open_, std::memory_order_relaxed);
}

}  // namespace echogw::ctl::load
