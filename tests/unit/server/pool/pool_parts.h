// The parts of a pool without its control thread, on loopback.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "server/pool/mover.h"
#include "server/pool/pool_context.h"
#include "server/pool/resizer.h"
#include "tests/support/descriptors.h"
#include "tests/support/pool_fixture.h"
#include "tests/support/recording_log.h"

namespace echogw::server {

class PoolPartsTest : public DescriptorTest {
 protected:
  // Makes `slots` slots with these options.
  PoolContext& Make(std::uint32_t slots, const PoolOptions& options = LoopbackPool(0));
  void TearDown() override;

  [[nodiscard]] absl::Status MakeMore(std::uint32_t slots) {
    return pool_->reactors.Make(slots, pool_->listeners);
  }
  [[nodiscard]] std::vector<ReactorStats> Stats() const;
  [[nodiscard]] std::uint16_t port() const;
  // Makes `connections` connections and counts in which slot's queue they wait.
  std::map<std::uint32_t, std::uint32_t> WhereTheyGo(int connections);

  RecordingLog log_;
  std::unique_ptr<PoolContext> pool_;
};

// With reactors that run, and the test in the place of the control thread.
class RunningPartsTest : public PoolPartsTest {
 protected:
  PoolContext& Run(std::uint32_t reactors);
  void TearDown() override;
  // Connects until reactor `reactor` has `count` connections more, all of which it gets.
  void ConnectTo(std::uint32_t reactor, std::uint32_t count);
  [[nodiscard]] std::uint64_t ActiveOf(std::uint32_t reactor) const {
    return pool_->reactors.Read(reactor).connections_active;
  }

  std::optional<Mover> mover_;
  std::optional<Resizer> resizer_;
  std::vector<StreamClient> clients_;
};

}  // namespace echogw::server
