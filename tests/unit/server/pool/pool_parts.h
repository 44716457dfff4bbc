// The parts of a pool without its control thread, on loopback.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "server/pool/pool_context.h"
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

}  // namespace echogw::server
