// What a test asks about the descriptors of its own process.
#pragma once

#include <cstddef>

#include "gtest/gtest.h"

namespace echogw {

// How many descriptors this process has open.
[[nodiscard]] std::size_t OpenDescriptors();

// A test that fails if it ends with more or fewer descriptors than it began with.
class DescriptorTest : public ::testing::Test {
 protected:
  void SetUp() override { before_ = OpenDescriptors(); }
  void TearDown() override { EXPECT_EQ(OpenDescriptors(), before_) << "descriptors leak"; }

 private:
  std::size_t before_ = 0;
};

}  // namespace echogw
