// How new connections and datagrams are distributed: a weight for each slot, set by the operator,
// and a share on top of it, set by automatic rebalancing. Where a reuseport group has a listener
// for each slot, a BPF program selects it; where an address has a single listener, the reactor that
// accepts from it assigns connections to the others in turn. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "reactor/base/log_sink.h"
#include "reactor/base/mutex.h"
#include "reactor/command.h"
#include "server/pool/control.h"
#include "server/pool/listener_group.h"
#include "server/pool/reactor_set.h"

namespace echogw::server {

// A share of new connections that neither favours nor spares a reactor.
inline constexpr std::uint32_t kNeutralShare = 10;

class Steering {
 public:
  // All outlive it. With `enabled` false the kernel's hash selects the listener.
  Steering(bool enabled, ListenerGroup& listeners, ReactorSet& reactors, LogSink& log)
      : enabled_(enabled), listeners_(listeners), reactors_(reactors), log_(log) {}

  // 1 unless set.
  [[nodiscard]] std::uint32_t weight(std::uint32_t slot) const;
  [[nodiscard]] bool AnyWeight(const Slots& slots) const;
  void SetWeights(const std::vector<SteeringWeight>& weights);
  // The share of slot i; neutral beyond the end.
  void SetShares(std::vector<std::uint32_t> shares);

  // Puts weights and shares in force for the serving reactors. Datagrams are steered by weight
  // alone, because every change moves some flows to another reactor. If the kernel refuses the
  // program, its hash is in force until weights change. Returns the ids of the commands sent to
  // reactors: when they are reported, no connection is on its way by earlier weights.
  std::vector<std::uint64_t> Apply();
  // The same, and awaits the reports. Control thread.
  void ApplyAndAwait();
  [[nodiscard]] bool active() const;

 private:
  struct Weights {
    std::vector<std::uint32_t> connections;
    std::vector<std::uint32_t> flows;
    bool operator==(const Weights&) const = default;
  };
  // Attaches the program, unless it was tried with the same weights.
  void Attach(const Weights& weights) ECHOGW_REQUIRES(mutex_);
  [[nodiscard]] std::uint32_t WeightOf(std::uint32_t slot) const ECHOGW_REQUIRES(mutex_);
  // By slot; 0 unless it serves.
  [[nodiscard]] Weights Effective() const ECHOGW_REQUIRES(mutex_);

  const bool enabled_;
  ListenerGroup& listeners_;
  ReactorSet& reactors_;
  LogSink& log_;
  mutable Mutex mutex_;
  std::vector<std::uint32_t> weights_ ECHOGW_GUARDED_BY(mutex_);  // by slot; beyond the end 1
  std::vector<std::uint32_t> shares_ ECHOGW_GUARDED_BY(mutex_);   // by slot; beyond the end neutral
  std::optional<Weights> tried_ ECHOGW_GUARDED_BY(mutex_);
  bool active_ ECHOGW_GUARDED_BY(mutex_) = false;
  std::uint64_t version_ ECHOGW_GUARDED_BY(mutex_) = 0;
};

}  // namespace echogw::server
