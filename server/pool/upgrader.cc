#include "server/pool/upgrader.h"

#include <time.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace echogw::server {
namespace {

using std::chrono::steady_clock;

// Reactors respond to this much sooner than to an operation that may wait: nobody is served
// meanwhile.
constexpr std::chrono::seconds kQuiesceTimeout{10};
// Between two looks at the outboxes.
constexpr std::chrono::milliseconds kForwardInterval{1};
// Connections that a reactor adopts at once.
constexpr std::size_t kAdoptSlice = 32;

// Connections that end with this process, as it executes another binary, have this long to end by
// FIN.
constexpr std::chrono::milliseconds kLastWords{500};

}  // namespace

std::string UpgradeMessage(const std::string& successor, std::uint64_t connections,
                           std::chrono::nanoseconds pause) {
  return absl::StrCat(successor, " serves, with ", connections,
                      " connections; nothing was accepted or served for ",
                      std::chrono::ceil<std::chrono::milliseconds>(pause).count(), " ms");
}

Outcome Upgrader::Handle(const UpgradeRequest& request) {
  if (launcher_ == nullptr) {
    return {OperationResult::kFailed, "this gateway cannot be replaced by another process"};
  }
  pool_.Begin(Phase::kStart);
  auto sockets = pool_.listeners.Share();
  if (!sockets.ok()) return {OperationResult::kFailed, sockets.status().message()};
  sockets->reactors = static_cast<std::uint32_t>(pool_.reactors.Running().size());
  auto successor = launcher_->Launch(request, *std::move(sockets),
                                     steady_clock::now() + request.deadline, pool_.cancelled);
  if (!successor.ok()) {
    const bool late = absl::IsDeadlineExceeded(successor.status());
    const bool cancelled = absl::IsCancelled(successor.status());
    return {cancelled ? OperationResult::kCancelled
            : late    ? OperationResult::kTimedOut
                      : OperationResult::kFailed,
            std::string(successor.status().message()), "; this process serves on"};
  }
  pool_.Update([&](Operation& o) { o.changes = (*successor)->changes(); });
  const std::vector<std::string> dropped = (*successor)->addresses_dropped();
  if (request.dry_run) {
    return {OperationResult::kSucceeded, (*successor)->name(), " could take over; ",
            dropped.empty() ? "it serves every address"
                            : absl::StrCat("it does not serve ", absl::StrJoin(dropped, ", "))};
  }
  if (!dropped.empty()) {
    pool_.log.Write(LogLevel::kWarning,
                    absl::StrCat("the new process does not serve ", absl::StrJoin(dropped, ", ")));
  }
  return HandOver(*std::move(successor), request);
}

Outcome Upgrader::HandOver(std::unique_ptr<Successor> successor, const UpgradeRequest& request) {
  pool_.Begin(Phase::kQuiesce);
  const std::string name = successor->name();
  // Limits that were changed after the successor has them would be lost.
  const MutexLock limits(pool_.limits_mutex);
  const SteadyTime begun = steady_clock::now();
  Transit transit;
  absl::Status status = Quiesce(transit, *successor);
  std::vector<std::uint64_t> refused;
  // A stop was requested: the process that takes over would not hear of it.
  if (status.ok() && pool_.cancelled.load()) status = absl::CancelledError("cancelled");
  if (status.ok()) {
    pool_.Begin(Phase::kCommit);
    if (successor->in_place()) CloseRest();
    PoolState state = State(successor->in_place());
    state.quiesced_at = ToNanos(begun);
    auto prepared = successor->Prepare(state);
    status = prepared.status();
    if (prepared.ok()) refused = *std::move(prepared);
  }
  if (status.ok()) {
    TakeBack(transit, refused);
    status = successor->Serve();
    if (!absl::IsAborted(status)) return End(transit, std::move(successor), request, status, begun);
  }
  const bool in_place = successor->in_place();
  successor.reset();
  TakeBack(transit);
  return {absl::IsCancelled(status) ? OperationResult::kCancelled : OperationResult::kFailed,
          name,
          " did not take over: ",
          std::string(status.message()),
          "; this process serves on, with ",
          in_place ? "the connections that can move" : "all its connections"};
}

Outcome Upgrader::End(Transit& transit, std::unique_ptr<Successor> successor,
                      const UpgradeRequest& request, const absl::Status& status, SteadyTime begun) {
  const std::string name = successor->name();
  const auto pause = steady_clock::now() - begun;
  const std::uint64_t moved = CountConnections(transit.connections);
  pool_.Update([&](Operation& o) {
    o.pause = pause;
    o.connections_moved = moved;
    o.connections_left = OwnConnections(pool_.reactors);
  });
  if (!status.ok()) {
    transit.connections.clear();
    TakeBack(transit);  // the listeners
    pool_.Update([&](Operation& o) { o.connections_reset = moved; });
    return {OperationResult::kFailed,
            name,
            " ended when it had just taken over: ",
            std::string(status.message()),
            "; its ",
            moved,
            " connections are lost, and this process serves new ones"};
  }
  pool_.handed_over.store(true);
  transit.connections.clear();
  KeepDropped(transit, successor->addresses_dropped());
  launcher_->OnHandedOver(std::move(successor), request.linger);
  const std::uint64_t left = OwnConnections(pool_.reactors);
  return {OperationResult::kSucceeded, UpgradeMessage(name, moved, pause),
          left == 0 ? ""
                    : absl::StrCat("; ", left, " connections cannot move and stay until they end")};
}

absl::Status Upgrader::OpenOutboxes(std::size_t count) {
  while (outboxes_.size() < count) {
    auto outbox = Mailbox::Create();
    if (!outbox.ok()) return outbox.status();
    outboxes_.push_back(*std::move(outbox));
  }
  for (const auto& outbox : outboxes_) outbox->Open();
  return absl::OkStatus();
}

absl::Status Upgrader::Quiesce(Transit& transit, Successor& successor) {
  const SteadyTime deadline = steady_clock::now() + kQuiesceTimeout;
  const Slots running = pool_.reactors.Running();
  if (absl::Status s = OpenOutboxes(running.size()); !s.ok()) return s;
  const auto ask_all = [&](auto command) {
    std::vector<std::uint64_t> ids;
    for (const std::uint32_t slot : running) {
      command.targets = {outboxes_[slot].get()};
      ids.push_back(pool_.reactors.Send(slot, command));
    }
    return ForwardUntil(std::move(ids), deadline, transit, successor);
  };
  // When no reactor accepts any more, none assigns a connection to another one either.
  if (absl::Status s = ask_all(HandOverListeners{}); !s.ok()) return s;
  return ask_all(MoveConnections{.portable_only = true});
}

absl::Status Upgrader::ForwardUntil(std::vector<std::uint64_t> reports, SteadyTime deadline,
                                    Transit& transit, Successor& successor) {
  while (!reports.empty()) {
    if (steady_clock::now() >= deadline) {
      return absl::DeadlineExceededError("a reactor does not respond");
    }
    for (const Report& r : pool_.reactors.Await(reports, steady_clock::now() + kForwardInterval)) {
      std::erase(reports, r.id);
    }
    if (absl::Status s = Forward(transit, successor); !s.ok()) return s;
  }
  return absl::OkStatus();
}

void Upgrader::KeepDropped(Transit& transit, const std::vector<std::string>& dropped) {
  pool_.listeners.Release(dropped);
  std::erase_if(transit.listeners, [&](const Listener& listener) {
    // The index of a UDP socket is among other addresses.
    return listener.datagrams ||
           std::ranges::count(dropped, pool_.options.listen[listener.address_index].ToString()) ==
               0;
  });
  // Clients that wait in its queue, or whose handshake is in progress, have been promised service.
  TakeBack(transit);
}

void Upgrader::CloseRest() {
  const SteadyTime deadline = steady_clock::now() + kLastWords;
  const CloseConnections command{.hard_deadline = ToNanos(deadline)};
  for (const Report& r : pool_.reactors.Ask(pool_.reactors.Running(), command)) {
    pool_.Update([&](Operation& o) {
      o.connections_closed += r.connections_closed;
      o.connections_reset += r.connections_reset;
    });
  }
}

absl::Status Upgrader::Forward(Transit& transit, Successor& successor) {
  const std::size_t first = transit.connections.size();
  for (std::uint32_t slot = 0; slot < outboxes_.size(); ++slot) {
    Collect(outboxes_[slot]->Take(), slot, transit);
  }
  for (std::size_t i = first; i < transit.connections.size(); ++i) {
    if (absl::Status s = successor.Send(transit.connections[i]); !s.ok()) return s;
  }
  return absl::OkStatus();
}

void Upgrader::Collect(std::vector<Command> commands, std::uint32_t slot, Transit& transit) {
  for (Command& command : commands) {
    if (auto* listeners = std::get_if<AdoptListeners>(&command)) {
      std::ranges::copy(listeners->listeners, std::back_inserter(transit.listeners));
    }
    if (auto* adopt = std::get_if<AdoptConnections>(&command)) {
      transit.connections.push_back({slot, std::move(adopt->connections)});
    }
  }
}

void Upgrader::TakeBack(Transit& transit) {
  // What would arrive after this is refused, and stays with its reactor.
  std::vector<std::uint64_t> ids;
  for (std::uint32_t slot = 0; slot < outboxes_.size(); ++slot) {
    Collect(outboxes_[slot]->Close(), slot, transit);
  }
  for (const Listener& listener : std::exchange(transit.listeners, {})) {
    ids.push_back(pool_.reactors.Send(pool_.listeners.owner(listener.slot),
                                      AdoptListeners{.listeners = {listener}}));
  }
  for (SlotConnections& one : std::exchange(transit.connections, {})) {
    GiveConnections(pool_.reactors, std::move(one));
  }
  // Reactors handle commands in order: this one after the arrivals. It also ends a move that goes
  // on.
  for (const std::uint32_t slot : pool_.reactors.Running()) {
    ids.push_back(pool_.reactors.Send(
        slot, MoveConnections{.targets = {pool_.reactors.mailbox(slot)}, .count_max = 0}));
  }
  (void)pool_.reactors.Await(std::move(ids), steady_clock::now() + kAnswerTimeout);
}

void Upgrader::TakeBack(Transit& transit, const std::vector<std::uint64_t>& ids) {
  if (ids.empty()) return;
  const std::set<std::uint64_t> wanted(ids.begin(), ids.end());
  for (SlotConnections& one : transit.connections) {
    AdoptConnections back;
    std::erase_if(one.connections, [&](MovedConnection& c) {
      if (!wanted.contains(c.peek().id)) return false;
      back.connections.push_back(std::move(c));
      return true;
    });
    if (!back.connections.empty()) CHECK(pool_.reactors.Post(one.slot, std::move(back)));
  }
}

void GiveConnections(const ReactorSet& reactors, SlotConnections from) {
  for (std::size_t first = 0; first < from.connections.size(); first += kAdoptSlice) {
    const auto begin = from.connections.begin() + static_cast<std::ptrdiff_t>(first);
    const std::size_t n = std::min(kAdoptSlice, from.connections.size() - first);
    AdoptConnections slice;
    std::move(begin, begin + static_cast<std::ptrdiff_t>(n), std::back_inserter(slice.connections));
    CHECK(reactors.Post(from.slot, std::move(slice)));
  }
}

std::uint64_t OwnConnections(const ReactorSet& reactors) {
  std::uint64_t connections = 0;
  for (std::uint32_t slot = 0; slot < reactors.count(); ++slot) {
    connections += reactors.Read(slot).connections_active;
  }
  return connections;
}

PoolState Upgrader::State(bool in_place) const {
  PoolState out;
  for (const ReactorStats& reactor : pool_.reactors.Stats()) {
    const std::uint32_t slot = reactor.id;
    out.slots.push_back(
        {.counters = reactor.counters,
         .state = reactor.state,
         .owner = pool_.listeners.owner(slot),
         .weight = pool_.steering.weight(slot),
         .retiring = pool_.retiring.contains(slot),
         .ids_given = pool_.base.IdsGiven(slot) + pool_.reactors.Read(slot).connections_accepted});
  }
  out.limits = pool_.reactors.limits();
  out.auto_rebalance = rebalancer_.automatic();
  out.policy = rebalancer_.policy();
  out.operations = pool_.operations.All();
  out.operation = pool_.operation;
  out.lineage = pool_.lineage;
  timespec cpu{};
  if (!in_place && ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0) {
    out.lineage.cpu_before +=
        std::chrono::seconds(cpu.tv_sec) + std::chrono::nanoseconds(cpu.tv_nsec);
  }
  ++out.lineage.upgrades;
  return out;
}

}  // namespace echogw::server
