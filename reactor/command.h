// The commands of a reactor, as values: no closures, and no pointers except to mailboxes and
// PendingReplies, which live as long as the pool. A command with an `id` is answered by one Report,
// or by one slice if it has a `reply`, with that id.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "reactor/base/clock.h"
#include "reactor/connection/cold_state.h"
#include "reactor/connection/connection.h"
#include "reactor/connection/connection_record.h"
#include "reactor/limits.h"
#include "reactor/service.h"

namespace echogw {

class Mailbox;

// A listening or UDP socket. The pool owns the descriptor and keeps it open; a reactor only watches
// it, and accepts or echoes.
struct Listener {
  int fd = -1;
  std::uint32_t slot = 0;           // its place in the reuseport group
  std::uint16_t address_index = 0;  // among the addresses of its kind
  Service service;                  // of its connections
  bool shared = false;              // the only one of its address: see AssignConnections
  bool datagrams = false;           // UDP
  std::uint16_t port = 0;           // of UDP
  bool inherited = false;           // it and its queue outlive the process: nothing is prefetched
};

// A connection in transit between two reactors. Move-only; the destructor closes the descriptor and
// frees the pending block, so that a mailbox that is never read leaks nothing.
class MovedConnection {
 public:
  explicit MovedConnection(const Connection& connection, std::unique_ptr<ColdState> cold = nullptr)
      : connection_(connection), cold_(std::move(cold)) {}
  MovedConnection(MovedConnection&& other) noexcept
      : connection_(std::exchange(other.connection_, Connection{})),
        cold_(std::move(other.cold_)) {}
  MovedConnection& operator=(MovedConnection&& other) noexcept {
    std::swap(connection_, other.connection_);
    std::swap(cold_, other.cold_);
    return *this;
  }
  MovedConnection(const MovedConnection&) = delete;
  MovedConnection& operator=(const MovedConnection&) = delete;
  ~MovedConnection();

  [[nodiscard]] const Connection& peek() const noexcept { return connection_; }
  // Null if it has none.
  [[nodiscard]] const ColdState* cold() const noexcept { return cold_.get(); }
  // The caller owns it from then on.
  [[nodiscard]] Connection Take() noexcept { return std::exchange(connection_, Connection{}); }
  // Null if it has none.
  [[nodiscard]] std::unique_ptr<ColdState> TakeCold() noexcept { return std::move(cold_); }

 private:
  Connection connection_;
  std::unique_ptr<ColdState> cold_;
};

// Ends the loop. Remaining connections are reset and counted as kDrainForced.
struct Stop {};

// Accept from these listeners.
struct AdoptListeners {
  std::uint64_t id = 0;
  std::vector<Listener> listeners;
  // As ReactorOptions::ids_given, if it is larger.
  std::uint64_t ids_given = 0;
};

// Stop accepting from the listeners of `slot` (unset: all), and hand each to
// targets[slot % targets.size()]. Connections waiting in the queues are not lost: descriptors stay
// open. Reported as kListenersHandedOver.
struct HandOverListeners {
  std::uint64_t id = 0;
  std::optional<std::uint32_t> slot;
  std::vector<Mailbox*> targets;
};

// Move connections to the targets in turn. Reported as kMoved when `count_max` have moved or no
// other qualifies. A second one replaces the first, which is then reported.
struct MoveConnections {
  std::uint64_t id = 0;
  std::vector<Mailbox*> targets;
  std::uint64_t count_max = UINT64_MAX;
  // Only connections that have been in this reactor for at least this long.
  Nanos residency_min = 0;
  // Pause between slices; 0: none.
  Nanos slice_pause = 0;
  // Only connections that another process could serve: a TLS session cannot leave its process.
  bool portable_only = false;
};

struct AdoptConnections {
  std::vector<MovedConnection> connections;
};

// A reactor and its share of the connections of shared listeners.
struct AssignTarget {
  Mailbox* mailbox = nullptr;
  std::uint32_t weight = 0;
};

// Assign the connections accepted from shared listeners to these reactors, round robin by weight. A
// command with a lower version than the last is ignored. Reported as kDone.
struct AssignConnections {
  std::uint64_t id = 0;
  std::uint64_t version = 0;
  std::vector<AssignTarget> targets;
};

enum class Admission : std::uint8_t {
  kAccept,
  kReset,  // accept, then RST: the client learns it at once
};

// How new connections and datagrams are treated. Reported as kDone.
struct SetAdmission {
  std::uint64_t id = 0;
  Admission admission = Admission::kAccept;
  // Listeners have a filter (AttachSynDrop) that accepted connections inherit: detach it.
  bool detach_filter = false;
  // Datagrams are counted and not answered.
  bool drop_datagrams = false;
};

// Close all connections gracefully, the longest idle first, evenly over `spread`: everything
// received is echoed, then FIN, then the client's FIN is awaited. At `hard_deadline` the rest are
// reset. Reported as kClosed when none is left. A second one replaces the first, which is then
// reported.
struct CloseConnections {
  std::uint64_t id = 0;
  Nanos spread = 0;
  Nanos hard_deadline = 0;  // on the monotonic clock
};

// Ends CloseConnections, which is reported as kClosed with what is left. Connections that were sent
// FIN still close; the others stay open. Reported as kDone.
struct CancelClose {
  std::uint64_t id = 0;
};

// Read up to `slots_max` slots of the table, beginning at `from_index`.
struct ReadConnections {
  std::uint64_t id = 0;
  PendingReplies* reply = nullptr;
  std::uint32_t from_index = 0;
  std::uint32_t slots_max = 64;
};

// Read one connection with its TCP_INFO. The slice is empty if it is not there.
struct InspectConnection {
  std::uint64_t id = 0;
  PendingReplies* reply = nullptr;
  ConnectionRef ref;
};

// Close these, gracefully or with RST. The slice has the refs of those that were there.
struct CloseSome {
  std::uint64_t id = 0;
  PendingReplies* reply = nullptr;
  std::vector<ConnectionRef> refs;
  bool reset = false;
};

// Apply these limits to new and open connections. The slice is empty.
struct SetLimits {
  std::uint64_t id = 0;
  PendingReplies* reply = nullptr;
  Limits limits;
};

using Command = std::variant<Stop, AdoptListeners, HandOverListeners, MoveConnections,
                             AdoptConnections, AssignConnections, SetAdmission, CloseConnections,
                             CancelClose, ReadConnections, InspectConnection, CloseSome, SetLimits>;

enum class ReportKind : std::uint8_t {
  kDone,
  kListenersAdopted,
  kListenersHandedOver,
  kMoved,
  kClosed,
};

// The reply to one command.
struct Report {
  std::uint64_t id = 0;
  std::uint32_t slot = 0;  // of the reactor that reports
  ReportKind kind = ReportKind::kDone;
  std::uint64_t connections_moved = 0;
  std::uint64_t connections_closed = 0;  // gracefully
  std::uint64_t connections_reset = 0;
  std::uint64_t connections_left = 0;  // in the reactor
  std::uint64_t listeners_left = 0;    // of the reactor
};

}  // namespace echogw
