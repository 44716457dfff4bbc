// Goal: each limit is in the table, in the message and in the configuration; what is set arrives,
// what is not set stays, and what cannot be is refused by name before anything changes.
#include "server/admin/messages/limits_messages.h"

#include <algorithm>
#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/config/config_keys.h"

namespace echogw::server {
namespace {

namespace pb = admin::v1;
using testing::HasSubstr;
using testing::StartsWith;

// Every field with a value of its own.
Limits Sample() {
  Limits limits{.accept_excess = AcceptExcess::kReset};
  std::uint64_t next = 1000;
  for (const LimitField& field : LimitFields()) {
    if (field.unit == LimitField::Unit::kAcceptExcess) continue;
    ++next;
    const bool time = field.unit == LimitField::Unit::kNanoseconds;
    field.set(limits, time ? next * kNanosPerMilli : next);
  }
  return limits;
}

TEST(LimitFields, AreAllFieldsOfTheMessage) {
  std::set<std::string> names;
  for (const LimitField& field : LimitFields()) {
    EXPECT_TRUE(names.insert(field.name).second) << field.name;
  }
  const auto& type = *pb::Limits::descriptor();
  ASSERT_EQ(static_cast<std::size_t>(type.field_count()), names.size());
  for (int i = 0; i < type.field_count(); ++i) EXPECT_TRUE(names.contains(type.field(i)->name()));
  const auto& keys = ConfigKeys();
  EXPECT_EQ(static_cast<std::size_t>(std::count_if(
                keys.begin(), keys.end(), [](const auto& key) { return key.group == "Limits"; })),
            names.size());
}

TEST(LimitFields, GoToTheMessageAndBack) {
  pb::Limits message;
  ToProto(Sample(), message);
  const auto change = FromProto(message);
  ASSERT_TRUE(change.ok()) << change.status();
  EXPECT_EQ(change->AppliedTo(Limits()), Sample());
}

TEST(LimitFields, WhatIsNotSetStaysAndZeroTakesAway) {
  pb::Limits message;
  message.set_accept_rate(0);
  message.mutable_max_age();
  const auto change = FromProto(message);
  ASSERT_TRUE(change.ok()) << change.status();
  Limits expected = Sample();
  expected.accept_rate = 0;
  expected.max_age = 0;
  EXPECT_EQ(change->AppliedTo(Sample()), expected);
  EXPECT_EQ(Difference(Sample(), expected), "accept_rate 1004 -> 0, max_age 1.008s -> 0");
  EXPECT_EQ(Difference(expected, expected), "no limit changed");
  EXPECT_EQ(FromProto(pb::Limits())->AppliedTo(Sample()), Sample());
}

TEST(LimitFields, ThatCannotBeAreRefusedByName) {
  const auto refused = [](auto set) {
    pb::Limits message;
    set(message);
    const auto change = FromProto(message);
    EXPECT_EQ(change.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(change.status().message());
  };
  EXPECT_EQ(refused([](pb::Limits& m) { m.set_max_connections(0); }),
            "max_connections: 0 is not a number from 1 to 1048576");
  EXPECT_EQ(refused([](pb::Limits& m) { m.set_accept_burst(1'000'001); }),
            "accept_burst: 1000001 is not 0 or a number from 1 to 1000000");
  EXPECT_THAT(refused([](pb::Limits& m) { m.set_output_buffer_bytes(511); }),
              StartsWith("output_buffer_bytes: 511 is not 0 or"));
  EXPECT_THAT(refused([](pb::Limits& m) { m.set_rate_bytes_per_second(kRateMax + 1); }),
              StartsWith("rate_bytes_per_second: "));
  EXPECT_THAT(refused([](pb::Limits& m) { m.mutable_idle_timeout()->set_nanos(1); }),
              HasSubstr("idle_timeout: must be from 100ms to 720h, or 0 for none"));
  EXPECT_THAT(refused([](pb::Limits& m) { m.mutable_max_age()->set_seconds(-1); }),
              StartsWith("max_age: must not be negative"));
  EXPECT_THAT(
      refused([](pb::Limits& m) { m.mutable_first_byte_timeout()->set_seconds(31 * 24 * 3600); }),
      StartsWith("first_byte_timeout: must be from"));
  EXPECT_THAT(refused([](pb::Limits& m) { m.set_accept_excess(static_cast<pb::AcceptExcess>(9)); }),
              StartsWith("accept_excess: 9 is not a value"));
}

// What a key of the configuration makes of a text; its error else.
std::string Applied(const std::string& key, const std::string& text, Config& config) {
  return std::string(FindConfigKey(key)->apply({text}, Machine(), config).message());
}

TEST(LimitKeys, TakeSizesTimesAndZero) {
  Config config;
  const Limits& limits = config.reactor.limits;
  EXPECT_EQ(Applied("rate", "1MiB", config), "");
  EXPECT_EQ(limits.rate, std::uint64_t{1} << 20U);
  EXPECT_EQ(Applied("idle-timeout", "1m30s", config), "");
  EXPECT_EQ(limits.idle_timeout, 90 * kNanosPerSecond);
  for (const std::string zero : {"0", "0s"}) {
    EXPECT_EQ(Applied("idle-timeout", zero, config), "");
    EXPECT_EQ(limits.idle_timeout, 0);
  }
  EXPECT_EQ(Applied("accept-excess", "reset", config), "");
  EXPECT_EQ(limits.accept_excess, AcceptExcess::kReset);
  EXPECT_THAT(Applied("max-age", "50ms", config), HasSubstr("from 100ms to 720h"));
  EXPECT_THAT(Applied("max-age", "50ms", config), HasSubstr("or 0 for none"));
  EXPECT_THAT(Applied("output-buffer", "100", config), HasSubstr("less than 512"));
  EXPECT_THAT(Applied("max-connections", "0", config), HasSubstr("from 1 to 1048576"));
  EXPECT_EQ(limits.max_age, 0) << "a refused value changes nothing";
}

}  // namespace
}  // namespace echogw::server
