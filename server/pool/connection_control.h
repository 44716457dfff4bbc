// The interface of the RPC layer to single connections. Unlike Control, these calls wait for
// replies of reactors, each sent between two batches of events: the calling thread may block.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "reactor/connection/connection_record.h"

namespace echogw::server {

enum class ConnectionState : std::uint8_t { kOpen, kBlocked, kClosing };
[[nodiscard]] ConnectionState StateOf(const ConnectionRecord& record);

struct ConnectionInfo {
  std::uint64_t id = 0;
  std::uint32_t reactor = 0;
  ConnectionState state = ConnectionState::kOpen;
  std::string peer;
  std::string proxied_by;  // empty: no proxy
  std::string local;
  const ServiceMode* mode = Service{}.mode;
  std::string tls_version;
  std::string tls_cipher;
  std::chrono::nanoseconds age{0};
  std::chrono::nanoseconds idle{0};
  std::uint64_t received_bytes = 0;
  std::uint64_t sent_bytes = 0;
  std::uint64_t pending_bytes = 0;
};

// A block of addresses; a single address is a block of one.
class Cidr {
 public:
  // "10.0.0.0/8", "::1", "192.168.1.7". InvalidArgument otherwise, and when address bits below the
  // prefix are set, which is usually a mistake.
  [[nodiscard]] static absl::StatusOr<Cidr> Parse(const std::string& text);

  [[nodiscard]] bool Contains(const Endpoint& endpoint) const;

 private:
  Endpoint base_;
  unsigned bits_ = 0;
};

// A connection must meet every condition that is set.
struct ConnectionFilter {
  std::vector<std::uint32_t> reactors;  // empty: all
  std::optional<Cidr> peer;
  std::uint16_t local_port = 0;  // 0: any
  std::chrono::nanoseconds age_min{0};
  std::chrono::nanoseconds idle_min{0};
  std::uint64_t bytes_min = 0;
  std::optional<ConnectionState> state;

  // Whether no condition is set.
  [[nodiscard]] bool empty() const;
  [[nodiscard]] bool Includes(std::uint32_t reactor) const;
  [[nodiscard]] bool Matches(const ConnectionRecord& record) const;
};

enum class ConnectionSort : std::uint8_t { kAge, kIdle, kBytes, kPending };

// Where a page begins.
struct ConnectionCursor {
  std::uint32_t reactor = 0;
  std::uint32_t index = 0;
};

struct ConnectionQuery {
  ConnectionFilter filter;
  std::uint32_t page_size = 100;
  ConnectionCursor from;               // without a sort
  std::optional<ConnectionSort> sort;  // largest first; a single page
};

struct ConnectionPage {
  std::vector<ConnectionInfo> connections;
  std::optional<ConnectionCursor> next;
  std::optional<std::uint64_t> total;  // if the page covers all connections
};

struct ConnectionDetail {
  ConnectionInfo info;
  TcpInfo tcp;
};

// Either ids or a filter that is not empty.
struct CloseRequest {
  std::vector<std::uint64_t> ids;
  ConnectionFilter filter;
  bool reset = false;
  bool dry_run = false;
};

struct CloseResult {
  std::uint64_t closed = 0;
  std::vector<std::uint64_t> not_found;
};

struct WatchedConnectionEvent {
  ConnectionInfo connection;
  bool opened = false;
  CloseReason reason = CloseReason::kPeerClosed;  // of a close
  std::chrono::system_clock::time_point time;
};

// Reports openings and closings during its lifetime. One thread at a time.
class ConnectionWatch {
 public:
  ConnectionWatch() = default;
  ConnectionWatch(const ConnectionWatch&) = delete;
  ConnectionWatch& operator=(const ConnectionWatch&) = delete;
  virtual ~ConnectionWatch() = default;

  // The next events, oldest first within a reactor, and how many were lost since the last call.
  // Does not wait.
  struct Batch {
    std::vector<WatchedConnectionEvent> events;
    std::uint64_t dropped = 0;
    bool more = false;  // another call has events at once
  };
  [[nodiscard]] virtual Batch Take() = 0;
};

class ConnectionControl {
 public:
  ConnectionControl() = default;
  ConnectionControl(const ConnectionControl&) = delete;
  ConnectionControl& operator=(const ConnectionControl&) = delete;
  virtual ~ConnectionControl() = default;

  // DeadlineExceeded when a reactor does not answer.
  [[nodiscard]] virtual absl::StatusOr<ConnectionPage> ListConnections(
      const ConnectionQuery& query) = 0;
  // NotFound when no reactor has it.
  [[nodiscard]] virtual absl::StatusOr<ConnectionDetail> GetConnection(std::uint64_t id) = 0;
  virtual absl::StatusOr<CloseResult> CloseConnections(const CloseRequest& request) = 0;
  // Whether a reactor answers, whatever it holds. DeadlineExceeded if not; a parked one need not.
  [[nodiscard]] virtual absl::Status Ping(std::uint32_t reactor) = 0;
  // Uses only the reactors, peer and local port of the filter.
  [[nodiscard]] virtual std::unique_ptr<ConnectionWatch> WatchConnections(
      const ConnectionFilter& filter) = 0;
};

}  // namespace echogw::server
