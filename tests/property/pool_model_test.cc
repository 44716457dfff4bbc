// A seeded model test of the pool. Random operations of the operator (resize, move, drain, undrain,
// rebalance, steering, the automatic mode) and of clients (connect, talk, read slowly, half-close,
// close, reset) are taken on a pool and on a model of it; after each operation both must agree, and
// every connection must live and have its echo exact.
//
// ECHOGW_TEST_SEED repeats a run, ECHOGW_TEST_STEPS makes it longer.

#include "tests/property/pool_model.h"

#include <cstdlib>
#include <iostream>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/descriptors.h"

namespace echogw::server {
namespace {

// In all. A pool of a new kind comes after each kStepsOfAPool.
constexpr std::uint64_t kSteps = 4000;
constexpr std::uint64_t kStepsOfAPool = 500;

std::uint64_t Steps() {
  const char* given = std::getenv("ECHOGW_TEST_STEPS");
  return given != nullptr ? std::stoull(given) : kSteps;
}

class PoolModelTest : public DescriptorTest {};

TEST_F(PoolModelTest, RandomStepsAgreeWithTheModel) {
  const std::uint64_t seed = TestSeed();
  const std::uint64_t steps = Steps();
  std::uint64_t taken = 0;
  for (std::uint64_t pool = 0; taken < steps; ++pool) {
    Random random(seed + pool);
    PoolModel model(random);
    for (std::uint64_t i = 0; i < kStepsOfAPool && taken < steps && !HasFailure(); ++i, ++taken) {
      model.Step();
    }
    model.Finish();
    // One pool is enough to repeat a failure: its seed is printed.
    ASSERT_FALSE(HasFailure()) << "seed " << seed + pool << ", step " << taken % kStepsOfAPool
                               << ", " << model.kind() << "\n"
                               << model.Trace();
  }
  std::cout << taken << " steps\n";
}

}  // namespace
}  // namespace echogw::server
