// ConnectionControl over the reactors of a pool. Any thread; calls of several threads run side by
// side. Each slice that a reactor reads is bounded, to limit the delay of its other connections.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "reactor/base/mutex.h"
#include "server/pool/connection_control.h"
#include "server/pool/reactor_set.h"

namespace echogw::server {

class ConnectionInspector final : public ConnectionControl {
 public:
  // `reactors` outlives it.
  explicit ConnectionInspector(ReactorSet& reactors) : reactors_(reactors) {}
  // All watches must be gone.
  ~ConnectionInspector() override;

  [[nodiscard]] absl::StatusOr<ConnectionPage> ListConnections(
      const ConnectionQuery& query) override;
  [[nodiscard]] absl::StatusOr<ConnectionDetail> GetConnection(std::uint64_t id) override;
  absl::StatusOr<CloseResult> CloseConnections(const CloseRequest& request) override;
  [[nodiscard]] absl::Status Ping(std::uint32_t reactor) override;
  [[nodiscard]] std::unique_ptr<ConnectionWatch> WatchConnections(
      const ConnectionFilter& filter) override;

 private:
  class Watch;
  enum class Visit : std::uint8_t { kNext, kEnough };
  using Visitor = std::function<Visit(const ConnectionRecord&)>;

  // Visits every connection that matches `filter`, from `from` on. True after the last one, false
  // when the visitor had enough; an error when a reactor does not answer.
  [[nodiscard]] absl::StatusOr<bool> VisitAll(const ConnectionFilter& filter, ConnectionCursor from,
                                              const Visitor& visit);
  // The reactor's reply; none if no reactor runs in the slot.
  template <typename C>
  [[nodiscard]] absl::StatusOr<std::optional<ConnectionSlice>> Ask(std::uint32_t slot, C command);
  [[nodiscard]] absl::StatusOr<ConnectionPage> ListSorted(const ConnectionQuery& query);
  // Those that match the filter and have one of `ids`, if there are any.
  [[nodiscard]] absl::StatusOr<std::vector<ConnectionRef>> Find(const ConnectionFilter& filter,
                                                                const std::set<std::uint64_t>& ids);
  // Moves recorded events from the reactors to the queues of all watches.
  void Pump() ECHOGW_REQUIRES(watches_mutex_);
  // After the number of watches has changed.
  void Share() ECHOGW_REQUIRES(watches_mutex_);

  ReactorSet& reactors_;
  PendingReplies slices_;
  Mutex watches_mutex_;
  std::vector<Watch*> watches_ ECHOGW_GUARDED_BY(watches_mutex_);
  // Events that the queue of a watch may hold.
  std::size_t queue_max_ ECHOGW_GUARDED_BY(watches_mutex_) = 0;
};

}  // namespace echogw::server
