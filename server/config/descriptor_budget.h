// The limit of open files, for which data clients and operators compete. Connections get all but a
// reserve, so that operators can reach a gateway that is full. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"

namespace echogw::server {

// What the gateway starts with.
struct DescriptorNeed {
  std::uint32_t reactors = 1;
  std::uint32_t listen_addresses = 1;
};

struct DescriptorBudget {
  // PoolOptions::descriptor_ceiling.
  int ceiling = 0;
  // Maximum connections to the admin port, half of the reserve, and to the exporter, a quarter; the
  // rest is for more reactors.
  std::size_t admin_connections = 0;
  std::size_t exporter_connections = 0;
};

// For a limit of `limit` open files. ResourceExhausted, with what to do, if it is too low to start.
[[nodiscard]] absl::StatusOr<DescriptorBudget> SplitDescriptors(std::uint64_t limit,
                                                                const DescriptorNeed& need);

// For this process, after raising its soft limit to the hard one: the usual soft limit of 1024 is
// for programs that use select().
[[nodiscard]] absl::StatusOr<DescriptorBudget> BudgetDescriptors(const DescriptorNeed& need);

}  // namespace echogw::server
