#include "reactor/connection/connection_limiter.h"

#include <sys/socket.h>

#include <algorithm>

#include "reactor/base/check.h"

namespace echogw {
namespace {

TokenRate AcceptTokens(const Limits& limits) {
  return {.per_second = limits.accept_rate,
          .size = limits.accept_burst != 0 ? limits.accept_burst : limits.accept_rate};
}

}  // namespace

ClientKey ClientKeyOf(const Endpoint& peer) {
  // Only the machine itself has addresses in 0000::/8, which leaves room there for IPv4 and for
  // ::1, whose own 64 bits are 0.
  constexpr std::uint64_t kIpv4 = std::uint64_t{1} << 32U;
  constexpr std::uint64_t kIpv6Zero = std::uint64_t{2} << 32U;
  const auto bits = [&peer](std::size_t from, std::size_t bytes) {
    std::uint64_t out = 0;
    for (std::size_t i = 0; i < bytes; ++i) out = out << 8U | peer.address[from + i];
    return out;
  };
  if (peer.family == AF_INET) return {kIpv4 | bits(0, 4)};
  if (peer.family != AF_INET6) return {};
  const std::uint64_t network = bits(0, 8);
  const std::uint64_t middle = bits(8, 4);  // of 96 bits
  // RFC 6052, RFC 8215, and RFC 7915 with the prefix of RFC 2765.
  const bool translated = (network == 0x0064FF9B'00000000U && middle == 0) ||
                          network >> 16U == 0x0064FF9B'0001U ||
                          (network == 0 && middle == 0xFFFF0000U);
  if (translated) return {kIpv4 | bits(12, 4)};
  // RFC 4380: the inverse of the client's address. Before it are the server's and a port.
  if (network >> 32U == 0x20010000U) return {kIpv4 | (bits(12, 4) ^ 0xFFFFFFFFU)};
  if (network >> 54U == 0xFE80U >> 6U) return {network | peer.scope, bits(8, 8)};
  return {network != 0 ? network : kIpv6Zero};
}

ConnectionLimiter::Shard& ConnectionLimiter::ShardOf(ClientKey client) {
  // Fibonacci hashing spreads neighbours.
  return shards_[((client.value ^ client.rest) * 0x9E3779B97F4A7C15U) >> 58U];
}

bool ConnectionLimiter::EnterTotal(std::uint64_t max) {
  std::uint64_t total = total_.load(std::memory_order_relaxed);
  do {
    if (max != 0 && total >= max) return false;
  } while (!total_.compare_exchange_weak(total, total + 1, std::memory_order_relaxed));
  return true;
}

std::optional<RejectReason> ConnectionLimiter::Enter(ClientKey client, const Limits& limits) {
  if (!EnterTotal(limits.max_connections_total)) return RejectReason::kTotalLimit;
  if (client.value == 0) return std::nullopt;
  Shard& shard = ShardOf(client);
  const MutexLock lock(shard.mutex);
  std::uint64_t& count = shard.counts[client];
  const std::uint64_t max = limits.max_connections_per_client;
  if (max == 0 || count < max) {
    ++count;
    return std::nullopt;
  }
  total_.fetch_sub(1, std::memory_order_relaxed);
  return RejectReason::kClientLimit;
}

void ConnectionLimiter::Add(ClientKey client) { CHECK(!Enter(client, Limits{})); }

void ConnectionLimiter::Leave(ClientKey client) {
  CHECK(total_.fetch_sub(1, std::memory_order_relaxed) > 0);
  if (client.value == 0) return;
  Shard& shard = ShardOf(client);
  const MutexLock lock(shard.mutex);
  const auto found = shard.counts.find(client);
  CHECK(found != shard.counts.end());
  if (--found->second == 0) shard.counts.erase(found);
}

bool ConnectionLimiter::TryAccept(Nanos now, const Limits& limits) {
  const TokenRate rate = AcceptTokens(limits);
  TokenBucket bucket = accepts_.load(std::memory_order_relaxed);
  TokenBucket after;
  do {
    if (bucket.Available(now, rate) == 0) return false;
    after = bucket;
    after.Take(1, now, rate);
  } while (!accepts_.compare_exchange_weak(bucket, after, std::memory_order_relaxed));
  return true;
}

Nanos ConnectionLimiter::ReserveAccept(Nanos now, const Limits& limits) {
  const TokenRate rate = AcceptTokens(limits);
  TokenBucket bucket = accepts_.load(std::memory_order_relaxed);
  TokenBucket after;
  do {
    after = bucket;
    after.Take(1, now, rate);
  } while (!accepts_.compare_exchange_weak(bucket, after, std::memory_order_relaxed));
  return bucket.WhenAvailable(1, now, rate);
}

std::size_t ConnectionLimiter::Clients() {
  std::size_t sum = 0;
  for (Shard& shard : shards_) {
    const MutexLock lock(shard.mutex);
    sum += shard.counts.size();
  }
  return sum;
}

std::uint64_t ConnectionLimiter::CountOf(ClientKey client) {
  Shard& shard = ShardOf(client);
  const MutexLock lock(shard.mutex);
  const auto found = shard.counts.find(client);
  return found == shard.counts.end() ? 0 : found->second;
}

}  // namespace echogw
