// Lowers the descriptor limit of this process for a scope. One at a time.
#pragma once

#include <sys/resource.h>

#include <cstddef>

#include "gtest/gtest.h"

namespace echogw {

class DescriptorLimit {
 public:
  // No descriptor with this or a higher number can be opened.
  explicit DescriptorLimit(std::size_t limit) {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    rlimit lower = before_;
    lower.rlim_cur = limit;
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &lower), 0);
  }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;
  ~DescriptorLimit() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }

 private:
  rlimit before_{};
};

}  // namespace echogw
