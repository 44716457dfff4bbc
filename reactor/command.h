// Everything a reactor can be told, as values: no closures, and no pointers but to mailboxes and
// slice boxes, which live as long as the pool. A command with an `id` is answered by one Report
// with that id.
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
#include "reactor/services/service.h"

namespace echogw {

class Mailbox;

// A listening socket, or one that datagrams come to. The pool owns the descriptor and keeps it open
// as long as it serves; a reactor only watches it, and accepts or echoes.
struct Listener {
  int fd = -1;
  std::uint32_t slot = 0;           // its place in the reuseport group
  std::uint16_t address_index = 0;  // which of the addresses of its kind
  Service service;                  // of its connections
  bool shared = false;              // the only one of its address: see AssignConnections
  bool datagrams = false;           // UDP
  // Outlives the process, and so do the connections that wait in its queue: none is accepted ahead.
  bool inherited = false;
};

// A connection under way between two reactors. Moves only; one that is thrown away closes its
// descriptor and frees its pending block, so that a mailbox that is never read leaks nothing.
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
  // The caller owns it from here on.
  [[nodiscard]] Connection Take() noexcept { return std::exchange(connection_, Connection{}); }
  // Null if it has none.
  [[nodiscard]] std::unique_ptr<ColdState> TakeCold() noexcept { return std::move(cold_); }

 private:
  Connection connection_;
  std::unique_ptr<ColdState> cold_;
};

// Ends the loop. Connections that are left are closed and counted as kDrainForced.
struct Stop {};

// Accept from these listeners from now on.
struct AdoptListeners {
  std::uint64_t id = 0;
  std::vector<Listener> listeners;
};

// Stop accepting from the listeners of `slot` (unset: from all), and hand each to
// targets[slot % targets.size()]. Not one connection that waits in a queue is lost: the descriptor
// stays open and the target is told at once. Reported as kListenersHandedOver.
struct HandOverListeners {
  std::uint64_t id = 0;
  std::optional<std::uint32_t> slot;
  std::vector<Mailbox*> targets;
};

// Move connections to the targets in turn. Reported as kMoved when done: as many as asked for, or
// none left that qualify. A second one takes the place of the first, which is then reported.
struct MoveConnections {
  std::uint64_t id = 0;
  std::vector<Mailbox*> targets;
  std::uint64_t count_max = UINT64_MAX;
  // Only connections that are in this reactor for at least this long: those that just moved rest.
  Nanos residency_min = 0;
  // Pause between slices; 0 goes on at once.
  Nanos slice_pause = 0;
};

struct AdoptConnections {
  std::vector<MovedConnection> connections;
};

// A reactor with its share of the connections that are dealt out.
struct AssignTarget {
  Mailbox* mailbox = nullptr;
  std::uint32_t weight = 0;
};

// Who gets the connections of shared listeners, in turn by weight, whoever accepts from these. One
// with a lower version than the last is late, and has no effect. Reported as kDone.
struct AssignConnections {
  std::uint64_t id = 0;
  std::uint64_t version = 0;
  std::vector<AssignTarget> targets;
};

enum class Admission : std::uint8_t {
  kAccept,
  kReset,  // accept, then RST: the client knows at once
};

// What becomes of new connections and of datagrams. Reported as kDone.
struct SetAdmission {
  std::uint64_t id = 0;
  Admission admission = Admission::kAccept;
  // Listeners carry a filter (AttachSynDrop) that accepted connections inherit: take it off them.
  bool detach_filter = false;
  // Datagrams that come are counted and not answered.
  bool drop_datagrams = false;
};

// Close all connections politely, idle ones first, spread evenly over `spread`: all that was
// received is echoed, then FIN, then the client's FIN is awaited. At `hard_deadline` what is left
// is reset. Reported as kClosed when none is left. A second one takes the place of the first, which
// is then reported.
struct CloseConnections {
  std::uint64_t id = 0;
  Nanos spread = 0;
  Nanos hard_deadline = 0;  // on the monotonic clock
};

// Ends CloseConnections early; connections that have our FIN go their way, the others live on.
// The CloseConnections is reported as kClosed with what is left. Reported as kDone.
struct CancelClose {
  std::uint64_t id = 0;
};

// Read up to `slots_max` slots of the table from `from_index` on. Answered by a slice.
struct ReadConnections {
  std::uint64_t id = 0;
  PendingReplies* reply = nullptr;
  std::uint32_t from_index = 0;
  std::uint32_t slots_max = 64;
};

// One connection with what the kernel knows of it. Answered by a slice, empty if it is not there.
struct InspectConnection {
  std::uint64_t id = 0;
  PendingReplies* reply = nullptr;
  ConnectionRef ref;
};

// Close these, politely or with RST. Answered by a slice with the refs of those that were there.
struct CloseSome {
  std::uint64_t id = 0;
  PendingReplies* reply = nullptr;
  std::vector<ConnectionRef> refs;
  bool reset = false;
};

// From here on these limits hold, for the connections that are there too. Answered by an empty
// slice.
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

// The answer to one command.
struct Report {
  std::uint64_t id = 0;
  std::uint32_t slot = 0;  // of the reactor that reports
  ReportKind kind = ReportKind::kDone;
  std::uint64_t connections_moved = 0;
  std::uint64_t connections_closed = 0;  // politely
  std::uint64_t connections_reset = 0;
  std::uint64_t connections_left = 0;  // in the reactor
  std::uint64_t listeners_left = 0;    // that it accepts from
};

}  // namespace echogw
