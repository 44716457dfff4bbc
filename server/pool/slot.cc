#include "server/pool/slot.h"

#include <sys/select.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "reactor/base/check.h"
#include "reactor/net/steering.h"

namespace echogw::server {

namespace {

bool SameAddress(const ListenAddress& a, const ListenAddress& b) {
  return a.host == b.host && a.port == b.port;
}

}  // namespace

SlotSet::SlotSet(const PoolOptions& options, LogSink& log)
    : options_(options),
      log_(log),
      budget_(options.descriptor_ceiling),
      addresses_(options.listen),
      udp_addresses_(options.listen_udp),
      limits_(options.reactor.limits) {}

SlotSet::~SlotSet() {
  for (const auto& slot : slots_) CHECK(slot->thread == nullptr);
  for (const std::string& path : unix_files_) ::unlink(path.c_str());
}

// A listener or mailbox that the poller has no room for would never be heard.
absl::Status SlotSet::CheckWatchable(int fd) const {
  if (options_.reactor.poller != PollerKind::kSelect || fd < FD_SETSIZE) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("select() watches descriptors below ",
                                                   FD_SETSIZE, " only, and ", fd,
                                                   " is the next; use the poller epoll or poll"));
}

absl::StatusOr<std::unique_ptr<SlotSet::Slot>> SlotSet::MakeSlot(std::uint32_t index) {
  auto slot = std::make_unique<Slot>();
  auto mailbox = Mailbox::Create();
  if (!mailbox.ok()) return mailbox.status();
  slot->mailbox = std::move(*mailbox);
  if (absl::Status s = CheckWatchable(slot->mailbox->event_fd()); !s.ok()) return s;
  slot->owner = index;
  if (!options_.cpus.empty()) slot->cpu = options_.cpus[index % options_.cpus.size()];
  for (ListenAddress& address : addresses_) {
    if (address.is_unix() && index > 0) {
      slot->listeners.emplace_back();
      continue;
    }
    auto fd = MakeListener(index, address);
    if (!fd.ok()) return fd.status();
    if (address.is_unix()) unix_files_.push_back(address.unix_path);
    if (absl::Status s = CheckWatchable(fd->get()); !s.ok()) return s;
    if (index == 0 && !address.is_unix()) {
      auto real = LocalAddress(fd->get(), address.dual_stack);
      if (!real.ok()) return real.status();
      real->service = address.service;
      address = *std::move(real);
    }
    slot->listeners.push_back(std::move(*fd));
  }
  if (absl::Status s = MakeUdpSockets(*slot, index); !s.ok()) return s;
  return slot;
}

const InheritedListener* SlotSet::Inherited(std::uint32_t slot,
                                            const ListenAddress& address) const {
  std::uint32_t seen = 0;
  for (const InheritedListener& listener : options_.inherited) {
    if (!SameAddress(listener.address, address)) continue;
    if (seen++ == slot) return &listener;
  }
  return nullptr;
}

absl::StatusOr<UniqueFd> SlotSet::MakeListener(std::uint32_t slot,
                                               const ListenAddress& address) const {
  if (const InheritedListener* given = Inherited(slot, address)) {
    return AdoptListener(*given, options_.listen_options);
  }
  if (slot == 0 && !options_.allow_shared_port) {
    absl::Status s = CheckPortIsFree(address);
    if (absl::IsAlreadyExists(s)) {
      return absl::AlreadyExistsError(
          absl::StrCat(s.message(), "; choose another port, or share it: --allow-shared-port on"));
    }
    if (!s.ok()) return s;
  }
  auto fd = BindListener(address, options_.listen_options);
  if (fd.ok() || Inherited(0, address) == nullptr) return fd;
  // Only sockets of one user may share a port, and a service manager's are its own.
  return absl::Status(
      fd.status().code(),
      absl::StrCat("reactor ", slot, " has no socket of those that were passed for ",
                   address.ToString(),
                   ", and cannot listen beside them: ", std::string(fd.status().message())));
}

absl::Status SlotSet::Make(std::uint32_t count) {
  const std::scoped_lock lock(mutex_);
  for (const ListenAddress& address : addresses_) {
    while (Inherited(count, address) != nullptr) ++count;
  }
  const auto first = static_cast<std::uint32_t>(slots_.size());
  for (std::uint32_t i = 0; i < std::min(first, count); ++i) {
    if (absl::Status s = Reopen(*slots_[i]); !s.ok()) return s;
    if (absl::Status s = MakeUdpSockets(*slots_[i], i); !s.ok()) return s;
  }
  std::vector<std::unique_ptr<Slot>> made;
  for (std::uint32_t i = first; i < count; ++i) {
    auto slot = MakeSlot(i);
    if (!slot.ok()) return slot.status();
    made.push_back(std::move(*slot));
  }
  // The order of listen() is the order in the group, so slot i is index i of the program. A socket
  // that fails to listen after its predecessors did is the last one in, and leaves first.
  for (std::unique_ptr<Slot>& slot : made) {
    for (std::size_t a = 0; a < addresses_.size(); ++a) {
      if (!slot->listeners[a].valid()) continue;
      const absl::Status s =
          Listen(slot->listeners[a].get(), options_.listen_options, addresses_[a]);
      if (s.ok()) continue;
      while (!made.empty()) made.pop_back();
      return s;
    }
  }
  for (std::unique_ptr<Slot>& slot : made) slots_.push_back(std::move(slot));
  return absl::OkStatus();
}

absl::Status SlotSet::Reopen(Slot& slot) {
  for (std::size_t a = slot.listeners.size(); a < addresses_.size(); ++a) {
    if (addresses_[a].is_unix()) {
      slot.listeners.emplace_back();
      continue;
    }
    // Only what the fault closed, which is not for inherited ones.
    auto fd = BindListener(addresses_[a], options_.listen_options);
    if (!fd.ok()) return fd.status();
    absl::Status s = Listen(fd->get(), options_.listen_options, addresses_[a]);
    if (!s.ok()) return s;
    slot.listeners.push_back(std::move(*fd));
  }
  return absl::OkStatus();
}

absl::Status SlotSet::Start(std::uint32_t slot) {
  Slot& s = At(slot);
  CHECK(s.state == ReactorState::kParked && s.thread == nullptr);
  ReactorOptions options = options_.reactor;
  options.id = slot;
  options.cpu = s.cpu;
  {
    // Of limits that come later it hears by its mailbox.
    const std::scoped_lock lock(mutex_);
    s.mailbox->Open();
    options.limits = limits_;
  }
  auto reactor = Reactor::Create(options, {s.counters, *s.mailbox, reports_, s.events, limiter_,
                                           io_, clock_, log_, options_.tls, &budget_});
  absl::Status status = reactor.status();
  if (status.ok()) {
    s.reactor = std::move(*reactor);
    auto thread = ReactorThread::Start(*s.reactor, slot, s.cpu);
    status = thread.status();
    if (status.ok()) s.thread = std::move(*thread);
  }
  if (!status.ok()) {
    s.reactor.reset();
    // Nobody else knows of it yet.
    for (const Command& command : s.mailbox->Close()) {
      const auto* limits = std::get_if<echogw::SetLimits>(&command);
      CHECK(limits != nullptr);
      limits->reply->Push({.id = limits->id});
    }
    return status;
  }
  SetState(slot, ReactorState::kStarting);
  return absl::OkStatus();
}

void SlotSet::BeginStop(std::uint32_t slot) { PostBlocking(slot, Stop{}); }

void SlotSet::Join(std::uint32_t slot) {
  Slot& s = At(slot);
  s.thread->Join();
  s.thread.reset();
  s.reactor.reset();
  SetState(slot, ReactorState::kParked);
}

void SlotSet::Close(std::uint32_t slot) {
  const std::scoped_lock lock(mutex_);
  CHECK(slots_[slot]->thread == nullptr);
  for (std::size_t a = 0; a < slots_[slot]->listeners.size(); ++a) {
    if (Inherited(slot, addresses_[a]) != nullptr) {
      ReleaseListener(slots_[slot]->listeners[a].get());
    }
  }
  slots_[slot]->listeners.clear();
  slots_[slot]->udp_sockets.clear();
}

bool SlotSet::Post(std::uint32_t slot, Command&& command) {
  return mailbox(slot)->Post(std::move(command));
}

void SlotSet::PostBlocking(std::uint32_t slot, Command command) {
  CHECK(At(slot).thread != nullptr);
  // A command that is refused is still ours.
  while (!Post(slot, std::move(command))) std::this_thread::yield();
}

Mailbox* SlotSet::mailbox(std::uint32_t slot) const {
  const std::scoped_lock lock(mutex_);
  return At(slot).mailbox.get();
}

EventRing& SlotSet::events(std::uint32_t slot) const {
  const std::scoped_lock lock(mutex_);
  return At(slot).events;
}

std::vector<Listener> SlotSet::ListenersOf(std::uint32_t slot) const {
  std::vector<Listener> out;
  const Slot& s = At(slot);
  for (std::size_t a = 0; a < s.listeners.size(); ++a) {
    if (!s.listeners[a].valid()) continue;
    out.push_back({.fd = s.listeners[a].get(),
                   .slot = slot,
                   .address_index = static_cast<std::uint16_t>(a),
                   .service = addresses_[a].service,
                   .shared = addresses_[a].is_unix(),
                   .inherited = Inherited(slot, addresses_[a]) != nullptr});
  }
  for (std::size_t a = 0; a < s.udp_sockets.size(); ++a) {
    out.push_back({.fd = s.udp_sockets[a].get(),
                   .slot = slot,
                   .address_index = static_cast<std::uint16_t>(a),
                   .datagrams = true});
  }
  return out;
}

std::uint32_t SlotSet::owner(std::uint32_t slot) const { return At(slot).owner; }

void SlotSet::SetOwner(std::uint32_t slot, std::uint32_t owner) {
  const std::scoped_lock lock(mutex_);
  At(slot).owner = owner;
}

ReactorState SlotSet::state(std::uint32_t slot) const {
  const std::scoped_lock lock(mutex_);
  return At(slot).state;
}

void SlotSet::SetState(std::uint32_t slot, ReactorState state) {
  const std::scoped_lock lock(mutex_);
  At(slot).state = state;
}

std::vector<std::uint32_t> SlotSet::InState(ReactorState state) const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::uint32_t> out;
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i]->state == state) out.push_back(i);
  }
  return out;
}

std::vector<std::uint32_t> SlotSet::Running() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::uint32_t> out;
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i]->state != ReactorState::kParked) out.push_back(i);
  }
  return out;
}

std::uint32_t SlotSet::count() const {
  const std::scoped_lock lock(mutex_);
  return static_cast<std::uint32_t>(slots_.size());
}

std::uint32_t SlotSet::weight(std::uint32_t slot) const {
  const std::scoped_lock lock(mutex_);
  return At(slot).weight;
}

void SlotSet::SetWeight(std::uint32_t slot, std::uint32_t weight) {
  const std::scoped_lock lock(mutex_);
  At(slot).weight = weight;
}

void SlotSet::SetWeights(const std::vector<SteeringWeight>& weights) {
  const std::scoped_lock lock(mutex_);
  for (const SteeringWeight& w : weights) At(w.reactor).weight = w.weight;
}

void SlotSet::SetShare(std::uint32_t slot, std::uint32_t share) {
  const std::scoped_lock lock(mutex_);
  At(slot).share = share;
}

std::vector<std::uint32_t> SlotSet::EffectiveWeights(bool with_share) const {
  std::vector<std::uint32_t> weights;
  for (const auto& slot : slots_) {
    const std::uint32_t weight = with_share ? slot->weight * slot->share : slot->weight;
    weights.push_back(slot->state == ReactorState::kServing ? weight : 0);
  }
  return weights;
}

absl::Status SlotSet::AttachAll() const {
  const std::vector<std::uint32_t> weights = EffectiveWeights(true);
  for (std::size_t a = 0; a < addresses_.size(); ++a) {
    if (addresses_[a].is_unix()) continue;
    const int listener = slots_[0]->listeners[a].get();
    if (absl::Status s = AttachSteering(listener, weights); !s.ok()) return s;
  }
  const std::vector<std::uint32_t> flow_weights = EffectiveWeights(false);
  for (const UniqueFd& socket : slots_[0]->udp_sockets) {
    if (absl::Status s = AttachFlowSteering(socket.get(), flow_weights); !s.ok()) return s;
  }
  return absl::OkStatus();
}

void SlotSet::ApplySteering() {
  const std::scoped_lock lock(mutex_);
  if (!options_.steering) return;
  const absl::Status status = AttachAll();
  if (status.ok()) {
    steering_active_ = true;
    return;
  }
  steering_active_ = false;
  for (const UniqueFd& listener : slots_[0]->listeners) {
    // Whatever stays attached names a slot whose sockets somebody has in any case.
    (void)DetachSteering(listener.get());
  }
  for (const UniqueFd& socket : slots_[0]->udp_sockets) (void)DetachSteering(socket.get());
  log_.Write(LogLevel::kWarning,
             absl::StrCat("steering is off, the kernel's hash picks the reactor: ",
                          std::string(status.message())));
}

bool SlotSet::shares_listeners() const {
  const std::scoped_lock lock(mutex_);
  return std::any_of(addresses_.begin(), addresses_.end(),
                     [](const ListenAddress& address) { return address.is_unix(); });
}

AssignConnections SlotSet::MakeAssignment() {
  const std::scoped_lock lock(mutex_);
  AssignConnections assign{.version = ++assignment_version_};
  const std::vector<std::uint32_t> weights = EffectiveWeights(true);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] > 0) assign.targets.push_back({slots_[i]->mailbox.get(), weights[i]});
  }
  return assign;
}

bool SlotSet::steering_active() const {
  const std::scoped_lock lock(mutex_);
  return steering_active_;
}

absl::Status SlotSet::SetSynDrop(bool drop) {
  const std::scoped_lock lock(mutex_);
  for (const auto& slot : slots_) {
    for (std::size_t a = 0; a < slot->listeners.size(); ++a) {
      if (addresses_[a].is_unix()) continue;  // there is no SYN
      const int listener = slot->listeners[a].get();
      if (!drop) {
        DetachFilter(listener);
        continue;
      }
      if (absl::Status s = AttachSynDrop(listener); !s.ok()) return s;
    }
  }
  return absl::OkStatus();
}

}  // namespace echogw::server
