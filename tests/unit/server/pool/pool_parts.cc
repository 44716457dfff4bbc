#include "tests/unit/server/pool/pool_parts.h"

#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/wait_until.h"

namespace echogw::server {

PoolContext& PoolPartsTest::Make(std::uint32_t slots, const PoolOptions& options) {
  pool_ = std::make_unique<PoolContext>(options, log_);
  const absl::Status made = MakeMore(slots);
  EXPECT_TRUE(made.ok()) << made;
  return *pool_;
}

void PoolPartsTest::TearDown() {
  pool_.reset();
  DescriptorTest::TearDown();
}

std::vector<ReactorStats> PoolPartsTest::Stats() const {
  std::vector<ReactorStats> stats = pool_->reactors.Stats();
  pool_->listeners.AddStats(stats);
  return stats;
}

std::uint16_t PoolPartsTest::port() const {
  const std::string address = pool_->listeners.addresses().front();
  return static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
}

std::map<std::uint32_t, std::uint32_t> PoolPartsTest::WhereTheyGo(int connections) {
  std::vector<StreamClient> clients;
  for (int i = 0; i < connections; ++i) {
    clients.emplace_back(StreamClientOptions{.port = port()});
    EXPECT_EQ(clients.back().error(), "");
  }
  std::map<std::uint32_t, std::uint32_t> waiting;
  for (const ReactorStats& r : Stats()) {
    for (const ListenerStats& l : r.listeners) waiting[l.slot] += l.accept_queue;
  }
  for (std::uint32_t slot = 0; slot < pool_->reactors.count(); ++slot) {
    for (const Listener& listener : pool_->listeners.ListenersOf(slot)) {
      for (int fd = 0; (fd = ::accept(listener.fd, nullptr, nullptr)) >= 0;) ::close(fd);
    }
  }
  return waiting;
}

PoolContext& RunningPartsTest::Run(std::uint32_t reactors) {
  PoolContext& pool = Make(reactors);
  mover_.emplace(pool);
  resizer_.emplace(pool, *mover_);
  const absl::Status started = resizer_->Start(reactors);
  EXPECT_TRUE(started.ok()) << started;
  pool.SetState(GatewayState::kServing);
  return pool;
}

void RunningPartsTest::TearDown() {
  pool_->reactors.Stop(pool_->reactors.Running());
  clients_.clear();
  PoolPartsTest::TearDown();
}

void RunningPartsTest::ConnectTo(std::uint32_t reactor, std::uint32_t count) {
  std::vector<SteeringWeight> weights;
  for (const std::uint32_t slot : pool_->reactors.Running()) {
    weights.push_back({slot, slot == reactor ? 1U : 0U});
  }
  pool_->steering.SetWeights(weights);
  pool_->steering.ApplyAndAwait();
  const std::uint64_t before = ActiveOf(reactor);
  for (std::uint32_t i = 0; i < count; ++i) {
    clients_.emplace_back(StreamClientOptions{.port = port()});
    EXPECT_EQ(clients_.back().error(), "");
  }
  EXPECT_TRUE(WaitUntil([&] { return ActiveOf(reactor) == before + count; }));
  for (SteeringWeight& w : weights) w.weight = 1;
  pool_->steering.SetWeights(weights);
  pool_->steering.ApplyAndAwait();
}

}  // namespace echogw::server
