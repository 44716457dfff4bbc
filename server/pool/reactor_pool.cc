#include "server/pool/reactor_pool.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace echogw::server {
namespace {

// How often the control thread wakes without cause; bounds how late it sees a cancellation.
constexpr std::chrono::milliseconds kIdleWait{1000};
constexpr std::chrono::milliseconds kAwaitSlice{20};
constexpr std::chrono::milliseconds kTickInterval{100};
constexpr std::chrono::milliseconds kStoppedFor{500};

}  // namespace

absl::StatusOr<std::unique_ptr<ReactorPool>> ReactorPool::Create(const PoolOptions& options,
                                                                 LogSink& log) {
  if (options.reactors < 1 || options.reactors > kReactorsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("reactors must be 1 to ", kReactorsMax, ", not ", options.reactors));
  }
  if (options.inherited.size() > kReactorsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("at most ", kReactorsMax, " listeners, not ", options.inherited.size()));
  }
  if (options.listen.empty()) return absl::InvalidArgumentError("no address to listen on");
  std::unique_ptr<ReactorPool> pool(new ReactorPool(options, log));
  if (absl::Status s = pool->slots_.Make(options.reactors); !s.ok()) return s;
  return pool;
}

ReactorPool::ReactorPool(const PoolOptions& options, LogSink& log)
    : options_(options), log_(log), slots_(options, log), desk_(slots_) {}

ReactorPool::~ReactorPool() { Stop(); }

absl::Status ReactorPool::Start() {
  std::vector<std::uint32_t> started;
  for (std::uint32_t i = 0; i < options_.reactors; ++i) {
    const absl::Status s = slots_.Start(i);
    if (s.ok()) {
      started.push_back(i);
      continue;
    }
    for (const std::uint32_t slot : started) slots_.BeginStop(slot);
    for (const std::uint32_t slot : started) slots_.Join(slot);
    return s;
  }
  Adopt(started);
  // Listeners that were passed for more reactors than there are.
  std::vector<std::uint32_t> rest;
  for (std::uint32_t i = options_.reactors; i < slots_.count(); ++i) rest.push_back(i);
  Park(rest);
  Steer();
  SetState(GatewayState::kServing);
  control_ = std::thread(&ReactorPool::ControlLoop, this);
  return absl::OkStatus();
}

void ReactorPool::Stop() {
  if (stopped_) return;
  stopped_ = true;
  {
    // Under the lock, so that no request that finds the gateway serving is entered after this.
    const std::scoped_lock lock(tasks_mutex_);
    stopping_.store(true);
    cancel_.store(true);
    ended_.notify_all();
  }
  slots_.reports().Interrupt();
  if (control_.joinable()) control_.join();
  for (const Task& task : tasks_) {
    if (task.operation == 0) continue;
    (void)operations_.Finish(task.operation, OperationResult::kCancelled, kStoppedFirst);
  }
  tasks_.clear();
  const std::vector<std::uint32_t> running = slots_.Running();
  for (const std::uint32_t slot : running) slots_.BeginStop(slot);
  for (const std::uint32_t slot : running) slots_.Join(slot);
  for (std::uint32_t slot = slots_.count(); slot-- > 0;) slots_.Close(slot);
  // One that never served ends without a word: whoever could not start it says why.
  if (state_.load() == GatewayState::kStarting) state_.store(GatewayState::kStopped);
  SetState(GatewayState::kStopped);
}

std::vector<std::string> ReactorPool::listen_addresses() const { return slots_.addresses(); }

std::vector<std::string> ReactorPool::udp_addresses() const { return slots_.udp_addresses(); }

void ReactorPool::SetStateObserver(std::function<void(GatewayState)> observer) {
  observer_ = std::move(observer);
}

void ReactorPool::SetOperationObserver(std::function<void(const Operation&)> observer) {
  operation_observer_ = std::move(observer);
}

void ReactorPool::SetState(GatewayState state) {
  if (state_.exchange(state) == state) return;
  log_.Write(LogLevel::kInfo, absl::StrCat("gateway is ", GatewayStateName(state)));
  if (observer_) observer_(state);
}

GatewayStats ReactorPool::Stats() const {
  GatewayStats stats;
  stats.state = state_.load();
  stats.steering_active = slots_.steering_active();
  stats.reactors = slots_.Stats();
  for (const ReactorStats& r : stats.reactors) stats.total += r.counters;
  return stats;
}

absl::StatusOr<Operation> ReactorPool::GetOperation(std::uint64_t id) const {
  return operations_.Get(id);
}

// ---- the control thread ----

void ReactorPool::ControlLoop() {
  for (;;) {
    std::optional<Task> task;
    bool automatic = false;
    {
      const std::scoped_lock lock(tasks_mutex_);
      if (stopping_.load()) return;
      if (!tasks_.empty()) {
        task = std::move(tasks_.front());
        tasks_.erase(tasks_.begin());
        running_ = task;
      }
      automatic = auto_rebalance_;
    }
    if (task) {
      End(*task, Carry(*task));
      continue;
    }
    if (!automatic && shares_set_) NeutralShares();
    if (automatic && std::chrono::steady_clock::now() >= next_tick_) {
      next_tick_ = std::chrono::steady_clock::now() + kTickInterval;
      AutoTick();
    }
    // Reports that come here are of commands that nobody waits for any more.
    (void)slots_.reports().WaitFor(automatic ? kTickInterval : kIdleWait);
  }
}

ReactorPool::Outcome ReactorPool::Carry(const Task& task) {
  const std::uint64_t before = slots_.AcceptedFromAdopted();
  Outcome outcome =
      std::visit([&](const auto& request) { return Do(request, task.operation); }, task.request);
  if (task.operation == 0) return outcome;
  operations_.Update(task.operation, [&](Operation& o) {
    o.accepted_from_parked = slots_.AcceptedFromAdopted() - before;
  });
  log_.Write(outcome.result == OperationResult::kSucceeded ? LogLevel::kInfo : LogLevel::kWarning,
             absl::StrCat("operation ", task.operation, ": ", outcome.message));
  return outcome;
}

void ReactorPool::End(const Task& task, const Outcome& outcome) {
  if (task.operation != 0 && operation_observer_) {
    // Told before the next one may begin, so that the ends come in order.
    auto ended = operations_.Get(task.operation);
    if (ended.ok()) {
      ended->result = outcome.result;
      ended->message = outcome.message;
      operation_observer_(*ended);
    }
  }
  const std::scoped_lock lock(tasks_mutex_);
  // Whoever sees that it has ended may begin the next one.
  if (task.operation != 0) {
    (void)operations_.Finish(task.operation, outcome.result, outcome.message);
  }
  running_.reset();
  ended_task_ = task.number;
  // A cancellation was for what has just ended.
  cancel_.store(stopping_.load());
  ended_.notify_all();
}

void ReactorPool::Phase(std::uint64_t id, const char* name) {
  if (id != 0) operations_.BeginPhase(id, name);
}

bool ReactorPool::Pause(SteadyTime until) {
  while (!cancel_.load()) {
    const SteadyTime now = std::chrono::steady_clock::now();
    if (now >= until) return false;
    (void)slots_.reports().WaitFor(std::min<std::chrono::nanoseconds>(until - now, kAwaitSlice));
  }
  return true;
}

std::vector<Report> ReactorPool::Await(std::vector<std::uint64_t> ids, SteadyTime deadline,
                                       bool stop_on_cancel) {
  std::vector<Report> got;
  while (!ids.empty()) {
    const SteadyTime now = std::chrono::steady_clock::now();
    if (now >= deadline || (stop_on_cancel && cancel_.load())) break;
    const auto wait = std::min<std::chrono::nanoseconds>(deadline - now, kAwaitSlice);
    const std::vector<Report> reports = slots_.reports().WaitFor(wait);
    // While the process is stopped (SIGSTOP) the clock runs, but reactors do not: that does not
    // count against them.
    const auto overslept = std::chrono::steady_clock::now() - now - wait;
    if (overslept > kStoppedFor) deadline += overslept;
    for (const Report& report : reports) {
      const auto found = std::find(ids.begin(), ids.end(), report.id);
      if (found == ids.end()) continue;
      ids.erase(found);
      got.push_back(report);
    }
  }
  return got;
}

}  // namespace echogw::server
