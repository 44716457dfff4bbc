#include "server/pool/reactor_set.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "reactor/base/check.h"
#include "server/pool/listener_setup.h"

namespace echogw::server {
namespace {

// Waits wake this often to notice that the process was stopped (SIGSTOP).
constexpr std::chrono::milliseconds kStopCheck{500};

}  // namespace

ReactorSet::ReactorSet(const PoolOptions& options, const CounterBase& base, LogSink& log)
    : options_(options),
      base_(base),
      log_(log),
      budget_(options.descriptor_ceiling),
      limits_(options.reactor.limits) {}

ReactorSet::~ReactorSet() {
  for (const auto& slot : slots_) CHECK(slot->thread == nullptr);
}

absl::Status ReactorSet::Make(std::uint32_t count, ListenerGroup& listeners) {
  count = listeners.SlotsFor(count);
  std::vector<std::unique_ptr<Slot>> made;
  for (std::uint32_t i = this->count(); i < count; ++i) {
    auto slot = std::make_unique<Slot>();
    auto mailbox = Mailbox::Create();
    if (!mailbox.ok()) return mailbox.status();
    slot->mailbox = *std::move(mailbox);
    absl::Status s = CheckWatchable(options_.reactor.poller, slot->mailbox->event_fd());
    if (!s.ok()) return s;
    if (!options_.cpus.empty()) slot->cpu = options_.cpus[i % options_.cpus.size()];
    made.push_back(std::move(slot));
  }
  if (absl::Status s = listeners.Make(count); !s.ok()) return s;
  const MutexLock lock(mutex_);
  for (const auto& slot : made) slot->events.SetWatched(events_recorded_);
  std::move(made.begin(), made.end(), std::back_inserter(slots_));
  return absl::OkStatus();
}

absl::Status ReactorSet::Start(std::uint32_t first, std::uint32_t end) {
  Slots started;
  for (std::uint32_t slot = first; slot < end; ++slot) {
    const absl::Status s = StartOne(slot);
    if (!s.ok()) {
      Stop(started);
      return s;
    }
    started.push_back(slot);
  }
  const MutexLock lock(mutex_);
  started_ = true;
  return absl::OkStatus();
}

// What the configuration asks for must be there at the start; later a cpuset may have shrunk.
int ReactorSet::CpuFor(std::uint32_t slot) const {
  if (options_.cpus.empty()) return -1;
  const int wanted = options_.cpus[slot % options_.cpus.size()];
  if (!started_ || IsCpuAllowed(wanted)) return wanted;
  std::vector<int> allowed;
  std::copy_if(options_.cpus.begin(), options_.cpus.end(), std::back_inserter(allowed),
               &IsCpuAllowed);
  const int cpu = allowed.empty() ? -1 : allowed[slot % allowed.size()];
  log_.Write(LogLevel::kWarning,
             absl::StrCat("reactor ", slot, " may not run on CPU ", wanted, " any more: ",
                          cpu < 0 ? std::string("not pinned") : absl::StrCat("on CPU ", cpu)));
  return cpu;
}

absl::Status ReactorSet::StartOne(std::uint32_t slot) {
  const MutexLock lock(mutex_);
  Slot& s = At(slot);
  CHECK(s.state == ReactorState::kParked && s.thread == nullptr);
  ReactorOptions options = options_.reactor;
  options.id = slot;
  options.cpu = s.cpu = CpuFor(slot);
  options.limits = limits_;
  options.ids_given = base_.IdsGiven(slot);
  s.mailbox->Open();
  auto reactor = Reactor::Create(options, {s.counters, *s.mailbox, reports_, s.events, limiter_,
                                           io_, clock_, log_, options_.tls, &budget_});
  absl::Status status = reactor.status();
  if (status.ok()) {
    s.reactor = *std::move(reactor);
    auto thread = ReactorThread::Start(*s.reactor, slot, s.cpu);
    status = thread.status();
    if (status.ok()) s.thread = *std::move(thread);
  }
  if (!status.ok()) {
    s.reactor.reset();
    (void)s.mailbox->Close();
    return status;
  }
  s.state = ReactorState::kStarting;
  return absl::OkStatus();
}

void ReactorSet::Stop(const Slots& slots) {
  for (const std::uint32_t slot : slots) {
    CHECK(mailbox(slot)->PostUnbounded(echogw::Stop{}));
  }
  for (const std::uint32_t slot : slots) {
    ReactorThread* thread = nullptr;
    {
      const MutexLock lock(mutex_);
      thread = At(slot).thread.get();
    }
    thread->Join();
    const MutexLock lock(mutex_);
    At(slot).thread.reset();
    At(slot).reactor.reset();
    At(slot).state = ReactorState::kParked;
  }
}

std::vector<Report> ReactorSet::Await(std::vector<std::uint64_t> ids, SteadyTime deadline,
                                      const std::atomic<bool>* cancel) {
  std::vector<Report> got;
  while (!ids.empty() && (cancel == nullptr || !cancel->load())) {
    const SteadyTime now = std::chrono::steady_clock::now();
    if (now >= deadline) break;
    const auto wait = std::min<std::chrono::nanoseconds>(deadline - now, kStopCheck);
    const std::vector<Report> reports = reports_.WaitFor(wait);
    // The clock runs while the process is stopped; the reactors do not.
    const auto overslept = std::chrono::steady_clock::now() - now - wait;
    if (overslept > kStopCheck) deadline += overslept;
    for (const Report& report : reports) {
      if (std::erase(ids, report.id) > 0) got.push_back(report);
    }
  }
  return got;
}

void ReactorSet::SetState(std::uint32_t slot, ReactorState state) {
  const MutexLock lock(mutex_);
  At(slot).state = state;
}

bool ReactorSet::Post(std::uint32_t slot, Command&& command) const {
  return mailbox(slot)->PostUnbounded(std::move(command));
}

Mailbox* ReactorSet::mailbox(std::uint32_t slot) const {
  const MutexLock lock(mutex_);
  return At(slot).mailbox.get();
}

std::vector<Mailbox*> ReactorSet::mailboxes(const Slots& slots) const {
  std::vector<Mailbox*> out;
  for (const std::uint32_t slot : slots) out.push_back(mailbox(slot));
  return out;
}

EventRing& ReactorSet::events(std::uint32_t slot) const {
  const MutexLock lock(mutex_);
  return At(slot).events;
}

void ReactorSet::RecordEvents(bool on) {
  const MutexLock lock(mutex_);
  if (std::exchange(events_recorded_, on) == on) return;
  for (const auto& slot : slots_) slot->events.SetWatched(on);
}

ReactorState ReactorSet::state(std::uint32_t slot) const {
  const MutexLock lock(mutex_);
  return At(slot).state;
}

Slots ReactorSet::InState(ReactorState state, bool in) const {
  const MutexLock lock(mutex_);
  Slots out;
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    if ((slots_[i]->state == state) == in) out.push_back(i);
  }
  return out;
}

std::uint32_t ReactorSet::count() const {
  const MutexLock lock(mutex_);
  return static_cast<std::uint32_t>(slots_.size());
}

Limits ReactorSet::limits() const {
  const MutexLock lock(mutex_);
  return limits_;
}

std::size_t ReactorSet::SetLimits(const Limits& limits, std::chrono::nanoseconds timeout) {
  std::vector<std::uint64_t> ids;
  {
    const MutexLock lock(mutex_);
    if (limits.accept_rate != limits_.accept_rate || limits.accept_burst != limits_.accept_burst) {
      limiter_.ResetAccepts();
    }
    limits_ = limits;
    for (const auto& slot : slots_) {
      ids.push_back(NextCommandId());
      limits_taken_.Expect(ids.back());
      if (slot->mailbox->PostUnbounded(echogw::SetLimits{ids.back(), &limits_taken_, limits})) {
        continue;
      }
      (void)limits_taken_.WaitFor(ids.back(), std::chrono::nanoseconds(0));  // parked
      ids.pop_back();
    }
  }
  const SteadyTime deadline = std::chrono::steady_clock::now() + timeout;
  return static_cast<std::size_t>(std::count_if(ids.begin(), ids.end(), [&](std::uint64_t id) {
    const auto left = deadline - std::chrono::steady_clock::now();
    return !limits_taken_.WaitFor(id, std::max<std::chrono::nanoseconds>(left, {}));
  }));
}

CounterSnapshot ReactorSet::Slot::Read(Nanos now) {
  CounterSnapshot out = counters.ReadAt(now);
  const auto grow = [](std::uint64_t& value, std::uint64_t& read) {
    value = read = std::max(value, read);
  };
  grow(out.sent_bytes, sent_bytes_read);
  grow(out.writes, writes_read);
  grow(out.loop_busy_ns, busy_ns_read);
  grow(out.loop_wait_ns, wait_ns_read);
  return out;
}

CounterSnapshot ReactorSet::Read(std::uint32_t slot) const {
  const MutexLock lock(mutex_);
  return At(slot).Read(clock_.Now());
}

CounterSnapshot ReactorSet::Total() const {
  CounterSnapshot total;
  for (const ReactorStats& reactor : Stats()) total += reactor.counters;
  return total;
}

std::vector<ReactorStats> ReactorSet::Stats() const {
  const MutexLock lock(mutex_);
  std::vector<ReactorStats> out;
  for (const auto& slot : slots_) {
    out.push_back({.id = static_cast<std::uint32_t>(out.size()),
                   .cpu = slot->cpu,
                   .state = slot->state,
                   .counters = slot->Read(clock_.Now())});
    base_.AddTo(out.back().id, out.back().counters);
  }
  return out;
}

}  // namespace echogw::server
