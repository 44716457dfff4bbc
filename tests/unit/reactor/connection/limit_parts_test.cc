// Goal: the token bucket keeps its rate whatever is taken when, and the limiter counts exactly the
// open connections.
#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "reactor/base/token_bucket.h"
#include "reactor/connection/connection_limiter.h"
#include "tests/support/random.h"

namespace echogw {
namespace {

constexpr Nanos kStart = 1000 * kNanosPerSecond;

TEST(TokenBucketTest, BeginsFullAndFillsAtItsRate) {
  const TokenRate rate{.per_second = 1000, .size = 50};
  TokenBucket bucket;
  EXPECT_EQ(bucket.Available(kStart, rate), 50U);
  bucket.Take(50, kStart, rate);
  EXPECT_EQ(bucket.Available(kStart, rate), 0U);
  EXPECT_EQ(bucket.Available(kStart + kNanosPerMilli - 1, rate), 0U);
  EXPECT_EQ(bucket.Available(kStart + kNanosPerMilli, rate), 1U);
  EXPECT_EQ(bucket.WhenAvailable(25, kStart, rate), kStart + 25 * kNanosPerMilli);
  EXPECT_EQ(bucket.Available(kStart + kNanosPerSecond, rate), 50U) << "no more than its size";
  EXPECT_EQ(bucket.WhenAvailable(50, kStart + kNanosPerSecond, rate), kStart + kNanosPerSecond);
}

TEST(TokenBucketTest, WhatIsTakenTooMuchIsMissingLater) {
  const TokenRate rate{.per_second = 10, .size = 1};
  TokenBucket bucket;
  bucket.Take(5, kStart, rate);
  EXPECT_EQ(bucket.WhenAvailable(1, kStart, rate), kStart + kNanosPerSecond / 2);
  EXPECT_EQ(bucket.Available(kStart + kNanosPerSecond / 2 - 1, rate), 0U);
  EXPECT_EQ(bucket.Available(kStart + kNanosPerSecond / 2, rate), 1U);
}

// Over any time: at most the rate plus the size; under constant demand, no less.
TEST(TokenBucketPropertyTest, KeepsItsRate) {
  Random random(TestSeed());
  for (int round = 0; round < 200; ++round) {
    const std::uint64_t per_second = random.Between(1, std::uint64_t{1} << random.Between(0, 34));
    const TokenRate rate{per_second, std::max<std::uint64_t>(per_second / 4, 1)};
    TokenBucket bucket;
    Nanos now = kStart;
    std::uint64_t taken = 0;
    while (now < kStart + 10 * kNanosPerSecond) {
      const std::uint64_t available = bucket.Available(now, rate);
      if (available == 0) {
        const Nanos next = bucket.WhenAvailable((rate.size + 1) / 2, now, rate);
        ASSERT_GT(next, now) << "it would spin, at a rate of " << per_second;
        ASSERT_GT(bucket.Available(next, rate), 0U);
        now = next;
        continue;
      }
      const std::uint64_t n = random.Between(1, available);
      bucket.Take(n, now, rate);
      taken += n;
      now += static_cast<Nanos>(random.Between(0, kNanosPerMilli));
    }
    const double seconds = static_cast<double>(now - kStart) / 1e9;
    const double most = static_cast<double>(rate.size) + static_cast<double>(per_second) * seconds;
    EXPECT_LE(static_cast<double>(taken), most * 1.001 + 1) << "at a rate of " << per_second;
  }
}

Endpoint Ipv4(std::uint8_t last) {
  return {.family = AF_INET, .port = 1, .address = {192, 0, 2, last}};
}

Endpoint Ipv6(std::uint8_t seventh, std::uint8_t last) {
  Endpoint e{.family = AF_INET6, .port = 1, .address = {0x20, 0x01, 0x0d, 0xb8}};
  e.address[7] = seventh;
  e.address[15] = last;
  return e;
}

TEST(ClientKeyTest, AnIpv4AddressOrAnIpv6NetworkIsOneClient) {
  const auto key = [](const Endpoint& e) { return ClientKeyOf(e).value; };
  EXPECT_EQ(key(Endpoint{}), 0U);
  Endpoint other_port = Ipv4(1);
  other_port.port = 2;
  EXPECT_EQ(key(Ipv4(1)), key(other_port));
  EXPECT_NE(key(Ipv4(1)), key(Ipv4(2)));
  EXPECT_EQ(key(Ipv6(7, 1)), key(Ipv6(7, 2)));
  EXPECT_NE(key(Ipv6(7, 1)), key(Ipv6(8, 1)));
  Endpoint loopback{.family = AF_INET6};
  loopback.address[15] = 1;
  EXPECT_NE(key(loopback), 0U) << "::1 is a client, too";
  EXPECT_NE(key(loopback), key({.family = AF_INET, .address = {0, 0, 0, 2}}));
}

Endpoint FromText(const char* address, std::uint32_t scope = 0) {
  std::array<std::uint8_t, 16> bytes{};
  EXPECT_EQ(::inet_pton(AF_INET6, address, bytes.data()), 1) << address;
  Endpoint out = FromIpv6(bytes.data(), 1);
  out.scope = scope;
  return out;
}

TEST(ClientKeyTest, MachinesThatShareAWellKnownPrefixAreToldApart) {
  const auto key = [](const Endpoint& e) { return ClientKeyOf(e); };
  const auto text = [](const char* address, std::uint32_t scope = 0) {
    return ClientKeyOf(FromText(address, scope));
  };
  EXPECT_NE(text("fe80::1", 2), text("fe80::2", 2));
  EXPECT_NE(text("fe80::1", 2), text("fe80::1", 3)) << "the same address on another link";
  EXPECT_EQ(text("fe80::1", 2), text("fe80::1", 2));
  const Endpoint v4{.family = AF_INET, .address = {192, 0, 2, 1}};
  for (const char* same : {"64:ff9b::192.0.2.1", "64:ff9b:1::192.0.2.1", "::ffff:0:192.0.2.1",
                           "::ffff:192.0.2.1", "2001:0:1234:5678:9abc:def0:3fff:fdfe"}) {
    EXPECT_EQ(text(same), key(v4)) << same;
  }
  EXPECT_NE(text("64:ff9b::192.0.2.1"), text("64:ff9b::192.0.2.2"));
  EXPECT_NE(text("2001:0:1::1"), text("2001:0:1::2"));
  // All other prefixes belong to one customer.
  EXPECT_EQ(text("fd00::1"), text("fd00::2"));
  EXPECT_EQ(text("2002:c000:201::1"), text("2002:c000:201::2"));
}

TEST(ConnectionLimiterTest, RefusesBeyondEitherLimitAndCountsNothingThen) {
  ConnectionLimiter limiter;
  const Limits limits{.max_connections_total = 3, .max_connections_per_client = 2};
  const ClientKey a = ClientKeyOf(Ipv4(1));
  const ClientKey b = ClientKeyOf(Ipv4(2));
  EXPECT_EQ(limiter.Enter(a, limits), std::nullopt);
  EXPECT_EQ(limiter.Enter(a, limits), std::nullopt);
  EXPECT_EQ(limiter.Enter(a, limits), RejectReason::kClientLimit);
  EXPECT_EQ(limiter.total(), 2U);
  EXPECT_EQ(limiter.Enter(b, limits), std::nullopt);
  EXPECT_EQ(limiter.Enter(b, limits), RejectReason::kTotalLimit);
  EXPECT_EQ(limiter.CountOf(b), 1U);
  limiter.Add(b);
  EXPECT_EQ(limiter.total(), 4U) << "an open connection counts whatever the limits";
  for (const ClientKey key : {a, a, b, b}) limiter.Leave(key);
  EXPECT_EQ(limiter.total(), 0U);
  EXPECT_EQ(limiter.Clients(), 0U) << "a client that is gone leaves nothing behind";
}

TEST(ConnectionLimiterTest, ThreadsNeverGetMoreThanTheLimits) {
  ConnectionLimiter limiter;
  const Limits limits{.max_connections_total = 90, .max_connections_per_client = 20};
  std::atomic<int> entered{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 4000; ++i) {
        const ClientKey key = ClientKeyOf(Ipv4(static_cast<std::uint8_t>(i % 5)));
        if (i >= 3900) {
          if (!limiter.Enter(key, limits)) ++entered;  // these stay
        } else if (!limiter.Enter(key, limits)) {
          EXPECT_LE(limiter.CountOf(key), 20U);
          EXPECT_LE(limiter.total(), 90U);
          limiter.Leave(key);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(entered.load(), 90);
  EXPECT_EQ(limiter.total(), 90U);
}

TEST(ConnectionLimiterTest, AcceptTokensAreSharedOutInTurn) {
  ConnectionLimiter limiter;
  const Limits limits{.accept_rate = 10, .accept_burst = 2};
  EXPECT_TRUE(limiter.TryAccept(kStart, limits));
  EXPECT_TRUE(limiter.TryAccept(kStart, limits));
  EXPECT_FALSE(limiter.TryAccept(kStart, limits));
  EXPECT_EQ(limiter.ReserveAccept(kStart, limits), kStart + kNanosPerSecond / 10);
  EXPECT_EQ(limiter.ReserveAccept(kStart, limits), kStart + kNanosPerSecond / 5);
  EXPECT_FALSE(limiter.TryAccept(kStart + kNanosPerSecond / 5, limits)) << "both are reserved";
  EXPECT_TRUE(limiter.TryAccept(kStart + 3 * kNanosPerSecond / 10, limits));
  limiter.ResetAccepts();
  EXPECT_EQ(limiter.ReserveAccept(kStart, limits), kStart);
}

}  // namespace
}  // namespace echogw
