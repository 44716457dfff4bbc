#include "server/handover/predecessor.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/build_info.h"
#include "server/handover/messages.h"
#include "server/handover/protocol.h"
#include "server/handover/sender.h"

namespace echogw::server {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

// What the other process sends at once, on a busy machine.
constexpr seconds kOfferTimeout{30};
// The other process decides how long the handover may take: it aborts it, or dies.
constexpr std::chrono::hours kCommitTimeout{25};
constexpr int kExitRefused = 1;

Channel::Deadline After(std::chrono::nanoseconds time) {
  return steady_clock::now() + std::chrono::duration_cast<steady_clock::duration>(time);
}

// What was open in the other process at its last report is reset by its end.
CounterSnapshot AfterEnd(CounterSnapshot counters) {
  counters.connections_closed[static_cast<std::size_t>(CloseReason::kDrainForced)] +=
      std::exchange(counters.connections_active, 0);
  counters.pending_bytes = 0;
  return counters;
}

// No id of a connection that was received is given again.
void CountIds(Taken& taken) {
  for (const SlotConnections& one : taken.connections) {
    for (const MovedConnection& c : one.connections) {
      const std::uint64_t slot = c.peek().id >> kIdSlotShift;
      if (slot >= taken.state.slots.size()) continue;
      std::uint64_t& given = taken.state.slots[slot].ids_given;
      given = std::max(given, c.peek().id & ((std::uint64_t{1} << kIdSlotShift) - 1));
    }
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Predecessor>> Predecessor::Meet(UniqueFd channel) {
  std::unique_ptr<Predecessor> out(new Predecessor(Channel(std::move(channel))));
  auto received = out->channel_.Receive(After(kOfferTimeout));
  if (!received.ok()) return received.status();
  if (!received->frame.has_offer()) return absl::InvalidArgumentError("no offer was received");
  out->offer_ = received->frame.offer();
  out->name_ = ProcessName(out->offer_.pid(), out->offer_.version());
  if (absl::Status s = out->ReceiveSockets(); !s.ok()) out->Refuse(std::string(s.message()));
  return out;
}

void Predecessor::StopFollowing() {
  channel_.Shutdown();
  if (follower_.joinable()) follower_.join();
}

absl::Status Predecessor::ReceiveSockets() {
  sockets_.slots = offer_.slots();
  sockets_.reactors = offer_.reactors();
  sockets_.listen.assign(offer_.listen().begin(), offer_.listen().end());
  sockets_.listen_udp.assign(offer_.listen_udp().begin(), offer_.listen_udp().end());
  for (std::uint32_t got = 0; got < offer_.sockets();) {
    auto received = channel_.Receive(After(kOfferTimeout));
    if (!received.ok()) return received.status();
    const auto& sockets = received->frame.sockets().sockets();
    if (received->fds.empty() || received->fds.size() != static_cast<std::size_t>(sockets.size())) {
      return absl::InvalidArgumentError("sockets were expected");
    }
    got += static_cast<std::uint32_t>(sockets.size());
    for (int i = 0; i < sockets.size(); ++i) {
      const handover::Socket& about = sockets[i];
      UniqueFd fd = std::move(received->fds[static_cast<std::size_t>(i)]);
      const bool udp = about.kind() == handover::Socket::KIND_UDP;
      if (!udp && about.kind() != handover::Socket::KIND_LISTENER) {
        control_.push_back({about, std::move(fd)});
        continue;
      }
      sockets_.sockets.push_back({.fd = std::move(fd),
                                  .slot = about.slot(),
                                  .address_index = about.address_index(),
                                  .datagrams = udp,
                                  .inherited = about.inherited()});
    }
  }
  if (offer_.protocol() != kHandoverProtocol || !offer_.features().empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("this release (", GetBuildInfo().version, ") cannot follow ", offer_.version(),
                     ": they have no handover protocol in common"));
  }
  if (sockets_.reactors < 1 || sockets_.reactors > sockets_.slots ||
      sockets_.slots > kReactorsMax) {
    return absl::InvalidArgumentError("the other process has no reactors");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<InheritedListener>> Predecessor::passed() const {
  std::vector<InheritedListener> out;
  for (const SlotSocket& socket : sockets_.sockets) {
    if (!socket.inherited) continue;
    auto listener = InspectListener(socket.fd.get());
    if (!listener.ok()) return listener.status();
    out.push_back(*std::move(listener));
  }
  return out;
}

std::vector<UniqueFd> Predecessor::Take(handover::Socket::Kind kind, const std::string& name) {
  std::vector<UniqueFd> out;
  for (Control& control : control_) {
    if (control.about.kind() != kind || control.about.name() != name || !control.fd.valid()) {
      continue;
    }
    out.push_back(std::move(control.fd));
  }
  return out;
}

bool Predecessor::Has(handover::Socket::Kind kind, const std::string& name) const {
  return std::ranges::any_of(control_, [&](const Control& control) {
    return control.about.kind() == kind && control.about.name() == name;
  });
}

std::unique_ptr<SocketLock> Predecessor::TakeLock(handover::Socket::Kind kind,
                                                  const std::string& path) {
  std::vector<UniqueFd> locks = Take(kind, path);
  return locks.empty() ? nullptr : SocketLock::Adopt(path, std::move(locks.front()));
}

void Predecessor::Refuse(const std::string& reason) {
  handover::Frame frame;
  frame.mutable_refusal()->set_reason(reason);
  Send(frame);
  std::cerr << "echogw: cannot take over from " << name_ << ": " << reason << std::endl;
  std::_Exit(kExitRefused);
}

void Predecessor::Send(const handover::Frame& frame) {
  if (channel_.is_file()) return;  // nobody reads it
  // If it has ended, the next Receive tells.
  (void)channel_.Send(frame, {}, After(kOfferTimeout));
}

Taken Predecessor::AwaitCommit(const LoadedConfig& loaded,
                               const std::vector<std::string>& addresses_dropped, LogSink& log) {
  handover::Frame ready;
  handover::Ready& to = *ready.mutable_ready();
  to.set_pid(static_cast<std::uint32_t>(::getpid()));
  to.set_version(GetBuildInfo().version);
  for (const Setting& setting : loaded.settings) {
    handover::Setting& added = *to.add_settings();
    added.set_key(setting.key);
    added.mutable_values()->Assign(setting.values.begin(), setting.values.end());
  }
  to.mutable_addresses_dropped()->Assign(addresses_dropped.begin(), addresses_dropped.end());
  Send(ready);

  const Limits& configured = loaded.config.reactor.limits;
  Taken taken{.state = DefaultState(configured)};
  handover::Frame prepared;
  prepared.mutable_prepared();
  bool begun = false;
  for (;;) {
    auto received = channel_.Receive(After(kCommitTimeout));
    if (absl::IsUnavailable(received.status())) {
      // Until it has begun to hand over, its end is that of any gateway.
      if (!begun) Refuse("it has ended");
      log.Write(LogLevel::kError,
                absl::StrCat(name_, " has ended during the handover; serving what it handed over"));
      taken.orphaned = true;
      for (SlotState& slot : taken.state.slots) slot.counters = AfterEnd(slot.counters);
      CountIds(taken);
      ReleaseSockets();
      return taken;
    }
    if (!received.ok()) Refuse(std::string(received.status().message()));
    begun = true;
    switch (received->frame.body_case()) {
      case handover::Frame::kConnections:
        TakeConnections(*received, taken, *prepared.mutable_prepared());
        break;
      case handover::Frame::kState:
        TakeState(received->frame.state(), configured, taken);
        Send(prepared);
        break;
      case handover::Frame::kCommit:
        ReleaseSockets();
        return taken;
      case handover::Frame::kAbort:
        std::_Exit(kExitRefused);
      default:
        Refuse("an unexpected message was received");
    }
  }
}

void Predecessor::TakeConnections(ReceivedFrame& received, Taken& taken,
                                  handover::Prepared& refused) {
  const handover::Connections& from = received.frame.connections();
  if (received.fds.size() != static_cast<std::size_t>(from.connections().size())) {
    Refuse("connections arrived without their descriptors");
  }
  SlotConnections slot{.slot = std::min(from.slot(), sockets_.reactors - 1)};
  for (int i = 0; i < from.connections().size(); ++i) {
    const handover::Connection& connection = from.connections()[i];
    auto moved = FromProto(connection, std::move(received.fds[static_cast<std::size_t>(i)]));
    if (moved.ok()) {
      slot.connections.push_back(*std::move(moved));
    } else {
      refused.add_refused(connection.id());
    }
  }
  taken.connections.push_back(std::move(slot));
}

void Predecessor::ReleaseSockets() {
  if (channel_.is_file()) channel_.Close();  // it has a copy of what is pending
  control_.clear();
  std::erase_if(sockets_.sockets, [](const SlotSocket& socket) { return !socket.inherited; });
}

void Predecessor::TakeState(const handover::State& from, const Limits& configured,
                            Taken& taken) const {
  taken.state = FromProto(from);
  taken.state.slots.resize(sockets_.slots);
  taken.state.limits = EffectiveLimits(taken.state.limits,
                                       FromProto(from.limits_configured(), configured), configured);
  for (const handover::Event& event : from.events()) {
    taken.events.push_back(FromProto(event));
  }
  taken.last_event = from.last_event();
  if (from.log_level_console() != from.log_level_console_configured()) {
    taken.log_level_console = from.log_level_console();
  }
  if (from.log_level_file() != from.log_level_file_configured()) {
    taken.log_level_file = from.log_level_file();
  }
}

PoolState Predecessor::DefaultState(const Limits& limits) const {
  PoolState out{.limits = limits};
  for (std::uint32_t slot = 0; slot < sockets_.slots; ++slot) {
    const bool runs = slot < sockets_.reactors;
    out.slots.push_back({.state = runs ? ReactorState::kServing : ReactorState::kParked,
                         .owner = slot % sockets_.reactors});
  }
  return out;
}

void Predecessor::Follow(std::vector<CounterSnapshot> last,
                         std::function<void(std::uint32_t, const CounterSnapshot&)> count) {
  handover::Frame serving;
  serving.mutable_serving();
  Send(serving);
  follower_ = std::thread([this, last = std::move(last), count = std::move(count)]() mutable {
    ::pthread_setname_np(::pthread_self(), "handover");
    for (;;) {
      const auto received = channel_.Receive(After(kCommitTimeout));
      if (!received.ok()) break;
      last.clear();
      for (const handover::Slot& slot : received->frame.counters().slots()) {
        last.push_back(FromProto(slot.counters()));
      }
      for (std::uint32_t slot = 0; slot < last.size(); ++slot) count(slot, last[slot]);
    }
    for (std::uint32_t slot = 0; slot < last.size(); ++slot) count(slot, AfterEnd(last[slot]));
  });
}

}  // namespace echogw::server
