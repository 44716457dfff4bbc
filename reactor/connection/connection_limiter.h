// What reactors share when a limit asks for it: how many connections there are in all and of each
// client, and the tokens for new ones. Touched when a connection is accepted, closed, or moved to a
// reactor that has other limits; never by a message, and not at all without such a limit.
//
// Each connection says for itself whether it is counted (ColdState), so that the counts are
// exact whatever moves and whenever a limit is set. Belongs to the pool; any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "reactor/base/clock.h"
#include "reactor/base/token_bucket.h"
#include "reactor/connection/connection_record.h"
#include "reactor/limits.h"
#include "reactor/stats/counters.h"

namespace echogw {

// Who counts as one client: an IPv4 address, or the first 64 bits of an IPv6 address, which is what
// one customer gets.
struct ClientKey {
  std::uint64_t value = 0;  // 0: without an address, counted in the total alone
};

[[nodiscard]] ClientKey ClientKeyOf(const Endpoint& peer);

class ConnectionLimiter {
 public:
  // Counts a connection unless a limit is reached; then says which.
  [[nodiscard]] std::optional<RejectReason> Enter(ClientKey client, const Limits& limits);
  // Counts one that is there already, whatever the limits.
  void Add(ClientKey client);
  // One that was counted is gone.
  void Leave(ClientKey client);

  // A token for one new connection, if there is one.
  [[nodiscard]] bool TryAccept(Nanos now, const Limits& limits);
  // The next token: when it may be used. Whoever asks waits for a token of its own, so that all
  // reactors have their turn.
  [[nodiscard]] Nanos ReserveAccept(Nanos now, const Limits& limits);
  // All tokens are there, and none is reserved: the rate is another one.
  void ResetAccepts() { accepts_.store(TokenBucket{}, std::memory_order_relaxed); }

  [[nodiscard]] std::uint64_t total() const noexcept {
    return total_.load(std::memory_order_relaxed);
  }
  // Clients that have connections, and the connections of one.
  [[nodiscard]] std::size_t Clients();
  [[nodiscard]] std::uint64_t CountOf(ClientKey client);

 private:
  // So that reactors that accept at the same time seldom wait for each other.
  static constexpr std::size_t kShards = 64;
  struct alignas(64) Shard {
    std::mutex mutex;
    std::unordered_map<std::uint64_t, std::uint64_t> counts;  // under mutex
  };
  [[nodiscard]] Shard& ShardOf(ClientKey client);
  [[nodiscard]] bool EnterTotal(std::uint64_t max);

  std::array<Shard, kShards> shards_;
  // Writers and readers: reactors. Relaxed: the number alone counts, and it says nothing about
  // other memory.
  alignas(64) std::atomic<std::uint64_t> total_{0};
  // Writers and readers: reactors. Relaxed, as above.
  alignas(64) std::atomic<TokenBucket> accepts_{TokenBucket{}};
  static_assert(std::atomic<TokenBucket>::is_always_lock_free);
};

}  // namespace echogw
