// Shared by reactors under limits that need it: the number of connections in total and per client,
// and the tokens of the accept rate. Touched when a connection is accepted, closed, or moved to a
// reactor with other limits; never by a message.
//
// Each connection records whether it is counted (ColdState), so that the counts stay exact when
// connections move and limits change. Belongs to the pool; any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "reactor/base/clock.h"
#include "reactor/base/mutex.h"
#include "reactor/base/token_bucket.h"
#include "reactor/connection/connection_record.h"
#include "reactor/limits.h"
#include "reactor/stats/counters.h"

namespace echogw {

// One client: an IPv4 address, or the first 64 bits of an IPv6 address, which one customer gets.
// Where many machines share these bits, they are told apart: on a link (fe80::/10) by the whole
// address and the interface, behind a translator (64:ff9b::/96, 64:ff9b:1::/48, ::ffff:0:0:0/96) or
// Teredo (2001::/32) by the IPv4 address that is embedded.
struct ClientKey {
  std::uint64_t value = 0;  // 0: no address, counted in the total only
  std::uint64_t rest = 0;   // of a whole address
  bool operator==(const ClientKey&) const = default;
};

[[nodiscard]] ClientKey ClientKeyOf(const Endpoint& peer);

class ConnectionLimiter {
 public:
  // Counts a connection, unless a limit is reached, which it returns.
  [[nodiscard]] std::optional<RejectReason> Enter(ClientKey client, const Limits& limits);
  // Counts an open connection, whatever the limits.
  void Add(ClientKey client);
  // A counted connection is gone.
  void Leave(ClientKey client);

  // A token for one new connection, if there is one.
  [[nodiscard]] bool TryAccept(Nanos now, const Limits& limits);
  // Reserves the next token and returns when it may be used. Each caller waits for a token of its
  // own, so that no reactor starves.
  [[nodiscard]] Nanos ReserveAccept(Nanos now, const Limits& limits);
  // Refills the bucket and drops reservations, for a new rate.
  void ResetAccepts() { accepts_.store(TokenBucket{}, std::memory_order_relaxed); }

  [[nodiscard]] std::uint64_t total() const noexcept {
    return total_.load(std::memory_order_relaxed);
  }
  // The number of clients that have connections, and of the connections of one.
  [[nodiscard]] std::size_t Clients();
  [[nodiscard]] std::uint64_t CountOf(ClientKey client);

 private:
  // Reactors that accept at the same time seldom contend.
  static constexpr std::size_t kShards = 64;
  struct alignas(64) Shard {
    Mutex mutex;
    struct Hash {
      std::size_t operator()(const ClientKey& key) const noexcept { return key.value ^ key.rest; }
    };
    std::unordered_map<ClientKey, std::uint64_t, Hash> counts ECHOGW_GUARDED_BY(mutex);
  };
  [[nodiscard]] Shard& ShardOf(ClientKey client);
  [[nodiscard]] bool EnterTotal(std::uint64_t max);

  std::array<Shard, kShards> shards_;
  // Writers and readers: reactors. Relaxed: it says nothing about other memory.
  alignas(64) std::atomic<std::uint64_t> total_{0};
  // Writers and readers: reactors. Relaxed, as above.
  alignas(64) std::atomic<TokenBucket> accepts_{TokenBucket{}};
  static_assert(std::atomic<TokenBucket>::is_always_lock_free);
};

}  // namespace echogw
