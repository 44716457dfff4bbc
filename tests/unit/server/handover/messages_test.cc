// Goal: what a process hands over is what the other one gets, and what another release sends beside
// it does no harm.
#include "server/handover/messages.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "reactor/connection/buffer_pool.h"
#include "reactor/connection/cold_state.h"

namespace echogw::server {
namespace {

UniqueFd AnyFd() { return UniqueFd(::dup(STDERR_FILENO)); }

MovedConnection RoundTrip(const MovedConnection& from) {
  handover::Connection message;
  ToProto(from, message);
  handover::Connection read;
  EXPECT_TRUE(read.ParseFromString(message.SerializeAsString()));
  auto to = FromProto(read, AnyFd());
  EXPECT_TRUE(to.ok()) << to.status();
  return *std::move(to);
}

TEST(HandoverConnectionTest, APlainOneKeepsItsStateAndItsBytes) {
  const std::string held(70'000, 'h');
  Connection c;
  c.fd = AnyFd().Release();
  c.id = (std::uint64_t{3} << 45U) + 17;
  c.received_bytes = std::uint64_t{1} << 40U;
  c.sent_bytes = c.received_bytes - held.size();
  c.opened_at_cs = 4'000'000'000U;
  c.active_at_ms = 77;
  c.address_index = 5;
  c.closing = true;
  c.admin_closed = true;
  c.reads_to_end = true;
  c.pending_class = BufferPool::ClassFor(held.size() + 100) & 0xFU;
  c.pending = BufferPool::Make(c.pending_class).release();
  c.pending_begin = 100;
  c.pending_end = static_cast<std::uint32_t>(100 + held.size());
  std::memcpy(c.pending + 100, held.data(), held.size());
  const MovedConnection from(c);

  const MovedConnection moved = RoundTrip(from);
  const Connection& to = moved.peek();
  EXPECT_EQ(to.id, c.id);
  EXPECT_EQ(to.received_bytes, c.received_bytes);
  EXPECT_EQ(to.sent_bytes, c.sent_bytes);
  EXPECT_EQ(to.opened_at_cs, c.opened_at_cs);
  EXPECT_EQ(to.active_at_ms, c.active_at_ms);
  EXPECT_EQ(to.address_index, c.address_index);
  EXPECT_TRUE(to.closing && to.admin_closed && to.reads_to_end && !to.fin_sent);
  EXPECT_FALSE(to.has_cold);
  EXPECT_EQ(moved.cold(), nullptr);
  ASSERT_EQ(to.pending_bytes(), held.size());
  EXPECT_EQ(std::memcmp(to.pending + to.pending_begin, held.data(), held.size()), 0);
  EXPECT_GE(to.fd, 0);
}

TEST(HandoverConnectionTest, ASessionKeepsWhereItIs) {
  for (const ServiceMode& mode : ServiceModes()) {
    Connection c;
    c.fd = AnyFd().Release();
    c.fin_sent = true;
    auto cold = std::make_unique<ColdState>();
    const Endpoint client{.family = 10, .port = 4711, .address = {0x20, 1}, .scope = 2};
    cold->session =
        std::make_unique<Session>(SessionState{.service = {&mode, ProxyUse::kOptional},
                                               .deadline = 123'456'789'012,
                                               .proxy = {true, client, std::string("pay\0load", 8)},
                                               .told = true,
                                               .mark = true});
    cold->counted = true;
    cold->bucket = TokenBucket::FullAt(99);
    cold->closed_by = CloseReason::kMaxAge;
    cold->reset_at = 5;
    cold->untaken_bytes = 6;
    cold->received_then = 7;

    const MovedConnection moved = RoundTrip(MovedConnection(c, std::move(cold)));
    EXPECT_TRUE(moved.peek().fin_sent);
    ASSERT_NE(moved.cold(), nullptr);
    const ColdState& to = *moved.cold();
    ASSERT_NE(to.session, nullptr);
    const SessionState state = to.session->Save();
    EXPECT_EQ(state.service.mode, &mode);
    EXPECT_EQ(state.service.proxy, ProxyUse::kOptional);
    EXPECT_EQ(state.deadline, 123'456'789'012);
    EXPECT_TRUE(state.proxy.done && state.told && state.mark);
    EXPECT_EQ(state.proxy.client, client);
    EXPECT_EQ(state.proxy.early, std::string("pay\0load", 8));
    EXPECT_FALSE(to.counted) << "the other process counts its clients itself";
    EXPECT_EQ(to.bucket.full_at(), 99);
    EXPECT_EQ(to.closed_by, CloseReason::kMaxAge);
    EXPECT_EQ(to.reset_at, 5);
    EXPECT_EQ(to.untaken_bytes, 6U);
    EXPECT_EQ(to.received_then, 7U);
  }
}

TEST(HandoverConnectionTest, WhatThisReleaseCannotServeIsAnError) {
  handover::Connection unknown;
  unknown.mutable_session()->set_service("fortune");
  EXPECT_FALSE(FromProto(unknown, AnyFd()).ok());
  handover::Connection odd;
  odd.mutable_session()->set_service("echo");
  odd.mutable_session()->set_proxy(99);
  EXPECT_FALSE(FromProto(odd, AnyFd()).ok());
}

TEST(HandoverCountersTest, EveryNumberSurvivesUnderItsName) {
  CounterSnapshot from;
  std::uint64_t next = 1;
  std::set<std::string> names;
  VisitCounters(from, [&](const std::string& name, std::uint64_t& value) {
    EXPECT_TRUE(names.insert(name).second) << name;
    value = next++;
  });
  EXPECT_GT(names.size(), 150U);
  google::protobuf::Map<std::string, std::uint64_t> message;
  ToProto(from, message);
  message["a_counter_of_another_release"] = 7;
  CounterSnapshot to = FromProto(message);
  next = 1;
  VisitCounters(
      to, [&](const std::string& name, std::uint64_t& value) { EXPECT_EQ(value, next++) << name; });
  // What readers sum up is all that is visited.
  CounterSnapshot sum;
  sum += from;
  VisitCounters(sum,
                [&, i = std::uint64_t{1}](const std::string& name, std::uint64_t& value) mutable {
                  EXPECT_EQ(value, i++) << name;
                });
}

TEST(HandoverStateTest, SlotsLimitsOperationsAndLineageSurvive) {
  PoolState from;
  from.slots = {{.state = ReactorState::kServing, .owner = 0, .weight = 5},
                {.state = ReactorState::kDrained, .owner = 0, .weight = 0, .retiring = true},
                {.state = ReactorState::kParked, .owner = 1}};
  from.slots[1].counters.reads = 9;
  from.limits.idle_timeout = 5;
  from.limits.accept_excess = AcceptExcess::kReset;
  from.auto_rebalance = true;
  from.policy = RebalancePolicy::kBusy;
  from.operations = {{.id = 3,
                      .kind = OperationKind::kDrainReactor,
                      .result = OperationResult::kTimedOut,
                      .phases = {{"finish", std::chrono::seconds(2)}},
                      .message = "late",
                      .reactor = 1}};
  from.operation = 4;
  from.lineage.upgrades = 6;
  from.lineage.cpu_before = std::chrono::seconds(8);
  from.quiesced_at = 11;
  handover::State message;
  ToProto(from, message);
  const PoolState to = FromProto(message);
  ASSERT_EQ(to.slots.size(), 3U);
  EXPECT_EQ(to.slots[0].weight, 5U);
  EXPECT_EQ(to.slots[1].state, ReactorState::kDrained);
  EXPECT_EQ(to.slots[1].counters.reads, 9U);
  EXPECT_TRUE(to.slots[1].retiring);
  EXPECT_EQ(to.slots[2].state, ReactorState::kParked);
  EXPECT_EQ(to.slots[2].owner, 1U);
  EXPECT_EQ(to.limits, from.limits);
  EXPECT_TRUE(to.auto_rebalance);
  EXPECT_EQ(to.policy, RebalancePolicy::kBusy);
  ASSERT_EQ(to.operations.size(), 1U);
  EXPECT_EQ(to.operations[0].id, 3U);
  EXPECT_EQ(to.operations[0].kind, OperationKind::kDrainReactor);
  EXPECT_EQ(to.operations[0].result, OperationResult::kTimedOut);
  EXPECT_EQ(to.operations[0].phases[0].elapsed, std::chrono::seconds(2));
  EXPECT_EQ(to.operations[0].reactor, 1U);
  EXPECT_EQ(to.operation, 4U);
  EXPECT_EQ(to.lineage.upgrades, 6U);
  EXPECT_EQ(to.lineage.cpu_before, std::chrono::seconds(8));
  EXPECT_EQ(to.quiesced_at, 11);
}

TEST(HandoverStateTest, ALimitIsThatOfTheOperatorUnlessTheConfigurationChangesIt) {
  Limits before;
  before.max_connections = 100;
  before.idle_timeout = 10;
  Limits in_force = before;
  in_force.max_connections = 500;
  in_force.rate = 7;
  Limits now = before;
  EXPECT_EQ(EffectiveLimits(in_force, before, now), in_force);
  now.max_connections = 200;
  now.idle_timeout = 20;
  const Limits out = EffectiveLimits(in_force, before, now);
  EXPECT_EQ(out.max_connections, 200U);
  EXPECT_EQ(out.idle_timeout, 20);
  EXPECT_EQ(out.rate, 7U);
}

}  // namespace
}  // namespace echogw::server
