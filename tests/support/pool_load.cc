#include "tests/support/pool_load.h"

#include <poll.h>

#include <chrono>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace echogw::server {
namespace {

enum Kind : std::uint64_t { kPingPong, kSlowReader, kHalfClosed, kKinds };

constexpr std::int64_t kSlowConnectNanos = 900'000'000;
constexpr std::size_t kSamplesMax = 8;
// More than the socket buffers of both sides, so that the gateway has pending output.
constexpr std::size_t kMuch = std::size_t{3} << 20U;
constexpr int kSmallBuffer = 4096;

}  // namespace

std::string LoadResult::ToString() const {
  return absl::StrCat(connections, " connections, ", held_replies, " replies, ", half_closed,
                      " half-closed, ", errors, " errors, ", slow_connects, " slow connects; ",
                      absl::StrJoin(samples, "; "));
}

ClientLoad::ClientLoad(const LoadOptions& options) : options_(options) {
  for (int i = 0; i < options_.churn_threads; ++i) {
    const std::uint64_t seed = options_.seed * 1000 + static_cast<std::uint64_t>(i);
    threads_.emplace_back([this, seed] { Churn(seed); });
  }
  if (options_.held > 0) {
    threads_.emplace_back([this] { Hold(options_.seed * 1000 + 999); });
  }
}

ClientLoad::~ClientLoad() { (void)Stop(); }

LoadResult ClientLoad::Stop() {
  stop_.store(true);
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  return Now();
}

LoadResult ClientLoad::Now() const {
  const std::scoped_lock lock(mutex_);
  return result_;
}

std::uint16_t ClientLoad::Port(Random& random) const {
  return options_.ports[random.Index(options_.ports.size())];
}

void ClientLoad::Record(const StreamClient& client) {
  const std::scoped_lock lock(mutex_);
  if (client.connect_nanos() > kSlowConnectNanos) ++result_.slow_connects;
  if (client.error().empty()) return;
  ++result_.errors;
  if (result_.samples.size() < kSamplesMax) result_.samples.push_back(client.error());
}

void ClientLoad::Churn(std::uint64_t seed) {
  Random random(seed);
  while (!stop_.load()) {
    StreamClient client({.port = Port(random), .salt = random.Between(0, 1U << 20U)});
    client.Offer(random.Between(1, 4096));
    // Half of them end with FIN from both sides, a few with RST after the echo.
    if (random.Percent(50)) client.HalfClose();
    (void)client.PumpUntilDone();
    if (random.Percent(10)) client.Reset();
    Record(client);
    const std::scoped_lock lock(mutex_);
    ++result_.connections;
  }
}

void ClientLoad::Open(Held& held, Random& random, std::uint64_t salt) {
  held.client = std::make_unique<StreamClient>(
      StreamClientOptions{.port = Port(random),
                          .salt = salt,
                          .receive_buffer_bytes = held.kind == kPingPong ? 0 : kSmallBuffer});
  if (held.kind == kPingPong) return;
  held.client->Offer(kMuch);
  if (held.kind == kHalfClosed) held.client->HalfClose();
}

bool ClientLoad::Step(Held& held, Random& random) {
  StreamClient& client = *held.client;
  switch (held.kind) {
    case kPingPong: {
      const bool moved = client.Pump();
      if (!client.caught_up() || !client.open()) return moved;
      client.Offer(random.Between(1, 8192));
      const std::scoped_lock lock(mutex_);
      ++result_.held_replies;
      return true;
    }
    case kSlowReader:
      (void)client.Pump(random.Between(0, 16384));
      if (client.caught_up()) client.Offer(kMuch);
      return false;  // still waiting
    default:
      (void)client.Pump(random.Between(0, 65536));
      return false;
  }
}

void ClientLoad::WaitFor(const std::vector<Held>& held) const {
  std::vector<pollfd> wait;
  for (const Held& h : held) {
    if (h.kind == kPingPong && h.client->open()) wait.push_back({h.client->fd(), POLLIN, 0});
  }
  ::poll(wait.data(), wait.size(), 1);
}

void ClientLoad::Hold(std::uint64_t seed) {
  Random random(seed);
  std::vector<Held> held(static_cast<std::size_t>(options_.held));
  std::uint64_t salt = seed;
  for (std::size_t i = 0; i < held.size(); ++i) {
    held[i].kind = i % kKinds;
    Open(held[i], random, ++salt);
  }
  while (!stop_.load()) {
    bool moved = false;
    for (Held& h : held) {
      moved = Step(h, random) || moved;
      if (h.client->open()) continue;
      Record(*h.client);
      if (h.client->done()) {
        const std::scoped_lock lock(mutex_);
        ++result_.half_closed;
      }
      Open(h, random, ++salt);
    }
    if (!moved) WaitFor(held);
  }
  for (Held& h : held) {
    if (h.client->open()) (void)h.client->PumpUntilDone();
    Record(*h.client);
    if (h.kind != kHalfClosed || !h.client->done()) continue;
    const std::scoped_lock lock(mutex_);
    ++result_.half_closed;
  }
}

}  // namespace echogw::server
