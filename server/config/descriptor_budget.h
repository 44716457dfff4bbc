// Open files, the one resource that data clients and operators compete for. Connections get all but
// a reserve, so that an operator reaches a gateway that has no room for another client. No thread,
// no state.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"

namespace echogw::server {

// What the reactors need that the gateway starts with.
struct DescriptorNeed {
  std::uint32_t reactors = 1;
  std::uint32_t listen_addresses = 1;
};

struct DescriptorBudget {
  // PoolOptions::descriptor_ceiling.
  int ceiling = 0;
  // The most connections to the admin port: half of the reserve, so that the exporter and another
  // reactor find something, too.
  std::size_t admin_connections = 0;
};

// Under a limit of `limit` open files. ResourceExhausted with what to do when the gateway could not
// even start.
[[nodiscard]] absl::StatusOr<DescriptorBudget> SplitDescriptors(std::uint64_t limit,
                                                                const DescriptorNeed& need);

// The same for this process, whose soft limit it raises to the hard one first: the customary 1024
// exists for programs that use select() on any descriptor.
[[nodiscard]] absl::StatusOr<DescriptorBudget> BudgetDescriptors(const DescriptorNeed& need);

}  // namespace echogw::server
