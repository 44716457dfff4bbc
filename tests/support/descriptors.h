// The descriptors of the test's process.
#pragma once

#include <cstddef>

#include "gtest/gtest.h"

namespace echogw {

// The number of open descriptors.
[[nodiscard]] std::size_t OpenDescriptors();

// A test that fails if it leaks or closes descriptors of others.
class DescriptorTest : public ::testing::Test {
 protected:
  void SetUp() override { before_ = OpenDescriptors(); }
  void TearDown() override { EXPECT_EQ(OpenDescriptors(), before_) << "descriptors leak"; }

 private:
  std::size_t before_ = 0;
};

}  // namespace echogw
