// Accepts connections: watches the listeners of its reactor, admits or refuses what they accept,
// keeps to the accept rate, and pauses when descriptors or memory run out. UDP sockets are watched
// here too, and served by the loop. Reactor's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "reactor/base/clock.h"
#include "reactor/command.h"
#include "reactor/connection_host.h"
#include "reactor/limits.h"
#include "reactor/loop_context.h"

namespace echogw {

class Acceptor {
 public:
  Acceptor(LoopContext& context, ConnectionHost& host)
      : context_(context), host_(host), ids_given_(context.options.ids_given) {}

  void Handle(const AdoptListeners& command);
  void Handle(const HandOverListeners& command);
  void Handle(const SetAdmission& command);
  void SetLimits(const Limits& limits);

  // The listener of an event; null if it is not watched any more.
  [[nodiscard]] const Listener* Find(std::uint32_t index) const {
    return watches_[index].watched ? &watches_[index].listener : nullptr;
  }
  // Accepts from a listener that is ready. `turn_events` is how much this turn has to do.
  void Accept(const Listener& listener, std::uint32_t turn_events);

  // A connection closed, so a descriptor is free.
  void OnClosed() noexcept {
    if (paused_ && !AwaitsToken()) next_at_ = context_.now;
  }
  void UnwatchAll();

  [[nodiscard]] Nanos next_at() const noexcept { return next_at_; }
  // Ends a pause.
  void Resume();

  // Listeners it has, watched or not.
  [[nodiscard]] std::uint64_t size() const;
  [[nodiscard]] bool drops_datagrams() const noexcept { return admission_.drop_datagrams; }
  // The ports of all UDP sockets of the gateway: every slot has one at each address.
  [[nodiscard]] std::span<const std::uint16_t> datagram_ports() const noexcept {
    return datagram_ports_;
  }

 private:
  struct WatchedListener {
    Listener listener;
    bool taken = false;    // else free for the next one
    bool watched = false;  // by the poller
  };

  void Add(const Listener& listener);
  [[nodiscard]] bool Watch(std::uint32_t index);
  void Unwatch(WatchedListener& w);
  void Admit(int fd, const Listener& listener);
  [[nodiscard]] std::optional<RejectReason> Refuse(int fd, ClientKey& client);
  void Reject(int fd, RejectReason reason);
  [[nodiscard]] bool MayAccept();
  [[nodiscard]] bool AwaitsToken() const noexcept {
    return token_at_ != kNever && token_at_ > context_.now;
  }
  void OnError(int error);
  void BackOff(const char* why);
  // False if it was paused already; the end of the pause is set in any case.
  bool Pause(Nanos until);

  LoopContext& context_;
  ConnectionHost& host_;
  std::vector<WatchedListener> watches_;  // by index of their tokens
  std::vector<std::uint16_t> datagram_ports_;
  SetAdmission admission_;
  Limits limits_;
  bool paused_ = false;
  Nanos next_at_ = kNever;  // end of the pause
  Nanos back_off_ = 0;      // length of the last pause in a shortage
  Nanos next_log_at_ = 0;
  // When the token of the accept rate that it reserved may be used; kNever: none is reserved.
  Nanos token_at_ = kNever;
  std::uint64_t ids_given_;
};

}  // namespace echogw
