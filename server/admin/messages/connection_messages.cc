#include "server/admin/messages/connection_messages.h"

#include <array>
#include <charconv>
#include <string>

#include "absl/strings/str_cat.h"
#include "reactor/options.h"
#include "server/admin/messages/field_messages.h"

namespace echogw::server {
namespace {

// As in the kernel's include/net/tcp_states.h, from 1 on.
constexpr std::array<const char*, 13> kTcpStates = {
    "?",     "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",   "TIME_WAIT",
    "CLOSE", "CLOSE_WAIT",  "LAST_ACK", "LISTEN",   "CLOSING",   "NEW_SYN_RECV"};

enum class CloseMode : std::uint8_t { kFin, kRst };

// An age or idle time: not negative, and no more than the kernel's clock counts.
absl::Status ReadAge(const char* field, const google::protobuf::Duration& from,
                     std::chrono::nanoseconds& to) {
  return ReadTime(field, from, std::chrono::nanoseconds(0), std::chrono::hours(24 * 365), to);
}

// "REACTOR.PLACE", as ToProto below writes it.
absl::StatusOr<ConnectionCursor> ReadToken(const std::string& token) {
  ConnectionCursor cursor;
  const char* end = token.data() + token.size();
  const auto [dot, error] = std::from_chars(token.data(), end, cursor.reactor);
  if (error == std::errc() && dot != end && *dot == '.') {
    const auto [rest, place_error] = std::from_chars(dot + 1, end, cursor.index);
    if (place_error == std::errc() && rest == end && cursor.reactor < kReactorsMax) return cursor;
  }
  return InvalidField("page_token", "'", token, "' is not from an earlier response");
}

}  // namespace

absl::StatusOr<ConnectionFilter> FromProto(const pb::ConnectionFilter& from) {
  ConnectionFilter to;
  for (const std::uint32_t reactor : from.reactors()) {
    if (reactor >= kReactorsMax) {
      return InvalidField("filter.reactors", reactor, " is not a reactor");
    }
    to.reactors.push_back(reactor);
  }
  if (!from.peer_cidr().empty()) {
    const auto cidr = Cidr::Parse(from.peer_cidr());
    if (!cidr.ok()) return InvalidField("filter.peer_cidr", cidr.status().message());
    to.peer = *cidr;
  }
  if (from.local_port() > UINT16_MAX) {
    return InvalidField("filter.local_port", from.local_port(), " is not a port");
  }
  to.local_port = static_cast<std::uint16_t>(from.local_port());
  if (auto s = ReadAge("filter.age_at_least", from.age_at_least(), to.age_min); !s.ok()) return s;
  if (auto s = ReadAge("filter.idle_at_least", from.idle_at_least(), to.idle_min); !s.ok()) {
    return s;
  }
  to.bytes_min = from.bytes_at_least();
  const auto state = EnumFromProto("filter.state", from.state(), ConnectionState::kClosing);
  if (!state.ok()) return state.status();
  to.state = *state;
  return to;
}

absl::StatusOr<ConnectionQuery> FromProto(const pb::ListConnectionsRequest& from) {
  ConnectionQuery to;
  auto filter = FromProto(from.filter());
  if (!filter.ok()) return filter.status();
  to.filter = *std::move(filter);
  to.page_size = from.page_size() == 0 ? kConnectionPageDefault : from.page_size();
  if (to.page_size > kConnectionPageMax) {
    return InvalidField("page_size", "must be 1 to ", kConnectionPageMax);
  }
  const auto sort = EnumFromProto("sort", from.sort(), ConnectionSort::kPending);
  if (!sort.ok()) return sort.status();
  to.sort = *sort;
  if (from.page_token().empty()) return to;
  if (to.sort) return InvalidField("page_token", "a sorted list has one page only");
  const auto cursor = ReadToken(from.page_token());
  if (!cursor.ok()) return cursor.status();
  to.from = *cursor;
  return to;
}

absl::StatusOr<CloseRequest> FromProto(const pb::CloseConnectionsRequest& from) {
  CloseRequest to;
  if (from.ids_size() > kCloseIdsMax) {
    return InvalidField("ids", "at most ", kCloseIdsMax, " at a time");
  }
  to.ids.assign(from.ids().begin(), from.ids().end());
  auto filter = FromProto(from.filter());
  if (!filter.ok()) return filter.status();
  to.filter = *std::move(filter);
  const auto mode = EnumFromProto("mode", from.mode(), CloseMode::kRst);
  if (!mode.ok()) return mode.status();
  to.reset = *mode == CloseMode::kRst;
  to.dry_run = from.dry_run();
  return to;
}

void ToProto(const ConnectionInfo& from, pb::Connection& to) {
  to.set_id(from.id);
  to.set_reactor(from.reactor);
  to.set_state(EnumToProto<pb::ConnectionState>(from.state));
  to.set_peer(from.peer);
  to.set_local(from.local);
  ToProto(from.age, *to.mutable_age());
  ToProto(from.idle, *to.mutable_idle());
  to.set_received_bytes(from.received_bytes);
  to.set_sent_bytes(from.sent_bytes);
  to.set_pending_bytes(from.pending_bytes);
  to.set_mode(from.mode->word);
  to.set_proxied_by(from.proxied_by);
  to.set_tls_version(from.tls_version);
  to.set_tls_cipher(from.tls_cipher);
}

void ToProto(const TcpInfo& from, pb::TcpInfo& to) {
  to.set_state(kTcpStates[from.state < kTcpStates.size() ? from.state : 0]);
  to.set_round_trip_microseconds(from.rtt_us);
  to.set_round_trip_variance_microseconds(from.rtt_variance_us);
  to.set_round_trip_least_microseconds(from.rtt_min_us);
  to.set_retransmits(from.retransmits_total);
  to.set_congestion_window(from.congestion_window);
  to.set_slow_start_threshold(from.slow_start_threshold);
  to.set_segment_bytes(from.segment_bytes);
  to.set_unacknowledged_segments(from.unacked_segments);
  to.set_lost_segments(from.lost_segments);
  to.set_unsent_bytes(from.unsent_bytes);
  to.set_output_queue_bytes(from.output_queue_bytes);
  to.set_input_queue_bytes(from.input_queue_bytes);
  to.set_delivery_rate_bytes_per_second(from.delivery_rate);
  to.set_bytes_acknowledged(from.bytes_acked);
  to.set_bytes_received(from.bytes_received);
}

void ToProto(const ConnectionPage& from, pb::ListConnectionsResponse& to) {
  for (const ConnectionInfo& c : from.connections) ToProto(c, *to.add_connections());
  if (from.next) to.set_next_page_token(absl::StrCat(from.next->reactor, ".", from.next->index));
  if (from.total) to.set_total(*from.total);
}

void ToProto(const WatchedConnectionEvent& from, pb::ConnectionEvent& to) {
  ToProto(from.time, *to.mutable_time());
  to.set_kind(from.opened ? pb::CONNECTION_EVENT_KIND_OPENED : pb::CONNECTION_EVENT_KIND_CLOSED);
  ToProto(from.connection, *to.mutable_connection());
  if (!from.opened) to.set_close_reason(kCloseReasonNames[static_cast<std::size_t>(from.reason)]);
}

}  // namespace echogw::server
