// Hands the sockets and connections of the pool to a successor, in one transaction: until the
// successor is told to serve, whatever it does, the pool takes everything back and serves on.
// Control thread.
//
//   start       the successor starts; the pool serves
//   quiesce     no reactor accepts any more; connections leave their reactors for the successor
//   commit      the successor has everything, and is told to serve
#pragma once

#include <memory>
#include <vector>

#include "reactor/mailbox.h"
#include "server/pool/handover.h"
#include "server/pool/mover.h"
#include "server/pool/pool_context.h"
#include "server/pool/rebalancer.h"

namespace echogw::server {

// Gives connections to the reactor of their slot, which serves others in between.
void GiveConnections(const ReactorSet& reactors, SlotConnections from);

// Open connections of this process, without those of the process before it.
[[nodiscard]] std::uint64_t OwnConnections(const ReactorSet& reactors);

class Upgrader {
 public:
  Upgrader(PoolContext& pool, Rebalancer& rebalancer) : pool_(pool), rebalancer_(rebalancer) {}

  // Before the control thread starts; it outlives the pool's operations.
  void SetLauncher(SuccessorLauncher* launcher) { launcher_ = launcher; }

  [[nodiscard]] Outcome Handle(const UpgradeRequest& request);

  // All that a successor needs to know, as it is now. In place its CPU time goes on by itself.
  [[nodiscard]] PoolState State(bool in_place) const;

 private:
  // What has left the reactors.
  struct Transit {
    std::vector<Listener> listeners;
    std::vector<SlotConnections> connections;
  };

  [[nodiscard]] Outcome HandOver(std::unique_ptr<Successor> successor,
                                 const UpgradeRequest& request);
  // This process serves what waits at addresses that the successor does not have.
  void KeepDropped(Transit& transit, const std::vector<std::string>& dropped);
  // Closes what could not move, by FIN and then by RST.
  void CloseRest();
  // The successor was told to serve; `status` is what Serve returned.
  [[nodiscard]] Outcome End(Transit& transit, std::unique_ptr<Successor> successor,
                            const UpgradeRequest& request, const absl::Status& status,
                            SteadyTime begun);
  // Reactors stop accepting, and send what they have to the outboxes and so to the successor.
  [[nodiscard]] absl::Status OpenOutboxes(std::size_t count);
  [[nodiscard]] absl::Status Quiesce(Transit& transit, Successor& successor);
  // Forwards what arrives in the outboxes, until all these reports have come.
  [[nodiscard]] absl::Status ForwardUntil(std::vector<std::uint64_t> reports, SteadyTime deadline,
                                          Transit& transit, Successor& successor);
  [[nodiscard]] absl::Status Forward(Transit& transit, Successor& successor);
  // What a reactor has sent is in transit from then on.
  static void Collect(std::vector<Command> commands, std::uint32_t slot, Transit& transit);
  // The reactors serve again what has left them.
  void TakeBack(Transit& transit);
  // Likewise, of the connections, only these.
  void TakeBack(Transit& transit, const std::vector<std::uint64_t>& ids);

  PoolContext& pool_;
  Rebalancer& rebalancer_;
  SuccessorLauncher* launcher_ = nullptr;
  // By slot of the reactor. They outlive an upgrade: a reactor that does not respond may still
  // refer to one.
  std::vector<std::unique_ptr<Mailbox>> outboxes_;
};

}  // namespace echogw::server
