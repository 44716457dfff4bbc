// Lowers the descriptor limit of this process for a scope. One at a time.
#pragma once

#include <fcntl.h>
#include <sys/resource.h>

#include <cstddef>
#include <vector>

#include "gtest/gtest.h"
#include "reactor/base/unique_fd.h"

namespace echogw {

class DescriptorLimit {
 public:
  // From now on `room` (at least 1) more descriptors can be open. The limit is on their numbers, so
  // a count of the open ones would not do: a test may inherit one with a high number.
  explicit DescriptorLimit(std::size_t room) {
    std::vector<UniqueFd> free;
    while (free.size() < room) free.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    rlimit lower = before_;
    lower.rlim_cur = static_cast<rlim_t>(free.back().get()) + 1;
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &lower), 0);
  }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;
  ~DescriptorLimit() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }

 private:
  rlimit before_{};
};

}  // namespace echogw
