#include "server/handover/messages.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "echogw/admin/v1/admin.pb.h"
#include "reactor/connection/buffer_pool.h"
#include "reactor/connection/cold_state.h"
#include "server/admin/messages/operation_messages.h"

namespace echogw::server {
namespace {

template <std::size_t N>
std::optional<std::size_t> IndexOf(const std::string& name,
                                   const std::array<const char*, N>& names) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names.begin());
}

void ToProto(const Endpoint& from, handover::Endpoint& to) {
  to.set_family(from.family);
  to.set_port(from.port);
  to.set_address(from.address.data(), from.address.size());
  to.set_scope(from.scope);
}

Endpoint FromProto(const handover::Endpoint& from) {
  Endpoint to{.family = static_cast<std::uint8_t>(from.family()),
              .port = static_cast<std::uint16_t>(from.port()),
              .address = {},
              .scope = from.scope()};
  std::memcpy(to.address.data(), from.address().data(),
              std::min(to.address.size(), from.address().size()));
  return to;
}

void ToProto(const SessionState& from, handover::Session& to) {
  to.set_service(from.service.mode->word);
  to.set_proxy(static_cast<std::uint32_t>(from.service.proxy));
  to.set_deadline_ns(from.deadline);
  to.set_told(from.told);
  to.set_mark(from.mark);
  to.set_proxy_done(from.proxy.done);
  ToProto(from.proxy.client, *to.mutable_client());
  to.set_early(from.proxy.early);
}

absl::StatusOr<SessionState> FromProto(const handover::Session& from) {
  const ServiceMode* mode = FindServiceMode(from.service());
  if (mode == nullptr || from.proxy() > static_cast<std::uint32_t>(ProxyUse::kOptional)) {
    return absl::InvalidArgumentError(absl::StrCat("no service '", from.service(), "'"));
  }
  return SessionState{.service = {mode, static_cast<ProxyUse>(from.proxy())},
                      .deadline = from.deadline_ns(),
                      .proxy = {from.proxy_done(), FromProto(from.client()), from.early()},
                      .told = from.told(),
                      .mark = from.mark()};
}

void ToProto(const ColdState& from, handover::Connection& to) {
  if (from.session != nullptr) ToProto(from.session->Save(), *to.mutable_session());
  to.set_bucket_full_at_ns(from.bucket.full_at());
  if (from.closed_by)
    to.set_closed_by(kCloseReasonNames[static_cast<std::size_t>(*from.closed_by)]);
  to.set_reset_at_ns(from.reset_at);
  to.set_untaken_bytes(from.untaken_bytes);
  to.set_received_then(from.received_then);
}

absl::StatusOr<std::unique_ptr<ColdState>> ColdFrom(const handover::Connection& from) {
  if (!from.has_session() && from.bucket_full_at_ns() == 0 && from.closed_by().empty() &&
      from.untaken_bytes() == 0 && from.received_then() == 0) {
    return nullptr;
  }
  auto to = std::make_unique<ColdState>();
  if (from.has_session()) {
    auto session = FromProto(from.session());
    if (!session.ok()) return session.status();
    to->session = std::make_unique<Session>(*std::move(session));
  }
  to->bucket = TokenBucket::FullAt(from.bucket_full_at_ns());
  if (const auto reason = IndexOf(from.closed_by(), kCloseReasonNames)) {
    to->closed_by = static_cast<CloseReason>(*reason);
  }
  to->reset_at = from.reset_at_ns();
  to->untaken_bytes = from.untaken_bytes();
  to->received_then = from.received_then();
  return to;
}

template <typename ClockType>
typename ClockType::time_point FromNanos(std::int64_t ns) {
  return typename ClockType::time_point(
      std::chrono::duration_cast<typename ClockType::duration>(std::chrono::nanoseconds(ns)));
}

}  // namespace

void ToProto(const MovedConnection& moved, handover::Connection& to) {
  const Connection& from = moved.peek();
  to.set_id(from.id);
  to.set_received_bytes(from.received_bytes);
  to.set_sent_bytes(from.sent_bytes);
  to.set_opened_at_cs(from.opened_at_cs);
  to.set_active_at_ms(from.active_at_ms);
  to.set_address_index(from.address_index);
  if (from.has_pending()) {
    const void* pending = from.pending + from.pending_begin;
    to.set_pending(pending, from.pending_bytes());
  }
  to.set_closing(from.closing);
  to.set_fin_sent(from.fin_sent);
  to.set_admin_closed(from.admin_closed);
  to.set_reads_to_end(from.reads_to_end);
  if (moved.cold() != nullptr) ToProto(*moved.cold(), to);
}

absl::StatusOr<MovedConnection> FromProto(const handover::Connection& from, UniqueFd fd) {
  auto cold = ColdFrom(from);
  if (!cold.ok()) return cold.status();
  Connection to;
  to.id = from.id();
  to.received_bytes = from.received_bytes();
  to.sent_bytes = from.sent_bytes();
  to.opened_at_cs = from.opened_at_cs();
  to.active_at_ms = from.active_at_ms();
  to.address_index = static_cast<std::uint16_t>(from.address_index());
  to.closing = from.closing();
  to.fin_sent = from.fin_sent();
  to.admin_closed = from.admin_closed();
  to.reads_to_end = from.reads_to_end();
  if (const std::string& pending = from.pending(); !pending.empty()) {
    const std::uint8_t size_class = BufferPool::ClassFor(pending.size());
    if (size_class >= BufferPool::kClasses) {
      return absl::InvalidArgumentError("more bytes are pending than a connection can hold");
    }
    to.pending = BufferPool::Make(size_class).release();
    to.pending_class = size_class & 0xFU;
    to.pending_end = static_cast<std::uint32_t>(pending.size());
    std::memcpy(to.pending, pending.data(), pending.size());
  }
  to.fd = fd.Release();
  return MovedConnection(to, *std::move(cold));
}

void ToProto(CounterSnapshot from, google::protobuf::Map<std::string, std::uint64_t>& to) {
  VisitCounters(from, [&to](std::string name, std::uint64_t& value) {
    if (value != 0) to[std::move(name)] = value;
  });
}

CounterSnapshot FromProto(const google::protobuf::Map<std::string, std::uint64_t>& from) {
  CounterSnapshot to;
  VisitCounters(to, [&from](const std::string& name, std::uint64_t& value) {
    const auto found = from.find(name);
    if (found != from.end()) value = found->second;
  });
  return to;
}

void ToProto(const Limits& from, google::protobuf::Map<std::string, std::uint64_t>& to) {
  for (const LimitField& field : LimitFields()) to[field.name] = field.get(from);
}

Limits FromProto(const google::protobuf::Map<std::string, std::uint64_t>& from,
                 const Limits& otherwise) {
  Limits to = otherwise;
  for (const LimitField& field : LimitFields()) {
    const auto found = from.find(field.name);
    if (found != from.end()) field.set(to, found->second);
  }
  return to;
}

void ToProto(const Event& from, handover::Event& to) {
  to.set_id(from.id);
  to.set_time_ns(ToNanos(from.time));
  to.set_severity(static_cast<std::uint32_t>(from.severity));
  to.set_kind(from.kind);
  to.set_actor(from.actor);
  to.set_message(from.message);
  to.set_operation(from.operation);
}

Event FromProto(const handover::Event& from) {
  return {.id = from.id(),
          .time = FromNanos<std::chrono::system_clock>(from.time_ns()),
          .severity = static_cast<EventSeverity>(
              std::min(from.severity(), static_cast<std::uint32_t>(EventSeverity::kError))),
          .kind = from.kind(),
          .actor = from.actor(),
          .message = from.message(),
          .operation = from.operation()};
}

void ToProto(const PoolState& from, handover::State& to) {
  for (const SlotState& slot : from.slots) {
    handover::Slot& added = *to.add_slots();
    ToProto(slot.counters, *added.mutable_counters());
    added.set_state(Name(slot.state));
    added.set_owner(slot.owner);
    added.set_weight(slot.weight);
    added.set_retiring(slot.retiring);
    added.set_ids_given(slot.ids_given);
  }
  ToProto(from.limits, *to.mutable_limits());
  to.set_auto_rebalance(from.auto_rebalance);
  to.set_rebalance_policy(static_cast<std::uint32_t>(from.policy));
  for (const Operation& operation : from.operations) {
    admin::v1::Operation message;
    ToProto(operation, message);
    to.add_operations(message.SerializeAsString());
  }
  to.set_operation(from.operation);
  to.set_quiesced_at_ns(from.quiesced_at);
  to.set_upgrades(from.lineage.upgrades);
  to.set_started_ns(ToNanos(from.lineage.started));
  to.set_start_time_ns(ToNanos(from.lineage.start_time));
  to.set_cpu_ns(from.lineage.cpu_before.count());
}

PoolState FromProto(const handover::State& from) {
  PoolState to;
  for (const handover::Slot& slot : from.slots()) {
    constexpr auto kServing = static_cast<std::size_t>(ReactorState::kServing);
    to.slots.push_back({.counters = FromProto(slot.counters()),
                        .state = static_cast<ReactorState>(
                            IndexOf(slot.state(), kReactorStateNames).value_or(kServing)),
                        .owner = slot.owner(),
                        .weight = slot.weight(),
                        .retiring = slot.retiring(),
                        .ids_given = slot.ids_given()});
  }
  to.limits = FromProto(from.limits(), to.limits);
  to.auto_rebalance = from.auto_rebalance();
  to.policy = static_cast<RebalancePolicy>(
      std::min(from.rebalance_policy(), static_cast<std::uint32_t>(RebalancePolicy::kBusy)));
  for (const std::string& bytes : from.operations()) {
    admin::v1::Operation message;
    if (message.ParseFromString(bytes)) to.operations.push_back(FromProto(message));
  }
  to.operation = from.operation();
  to.quiesced_at = from.quiesced_at_ns();
  to.lineage = {.start_time = FromNanos<std::chrono::system_clock>(from.start_time_ns()),
                .started = FromNanos<std::chrono::steady_clock>(from.started_ns()),
                .cpu_before = std::chrono::nanoseconds(from.cpu_ns()),
                .upgrades = from.upgrades()};
  return to;
}

Limits EffectiveLimits(const Limits& in_force, const Limits& configured_before,
                       const Limits& configured_now) {
  Limits out = in_force;
  for (const LimitField& field : LimitFields()) {
    const std::uint64_t now = field.get(configured_now);
    if (now != field.get(configured_before)) field.set(out, now);
  }
  return out;
}

}  // namespace echogw::server
