// Open files, the one resource that data clients and operators compete for. Connections get all but
// a reserve, so that an operator reaches a gateway that has no room for another client. No thread,
// no state.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"

namespace echogw {

// What the reactors need that the gateway starts with.
struct DescriptorNeed {
  std::uint32_t reactors = 1;
  std::uint32_t listen_addresses = 1;
};

// The ceiling for connections (PoolOptions::descriptor_ceiling) under a limit of `limit` open
// files. ResourceExhausted with what to do when the gateway could not even start.
[[nodiscard]] absl::StatusOr<int> DescriptorCeiling(std::uint64_t limit,
                                                    const DescriptorNeed& need);

// The same for this process, whose soft limit it raises to the hard one first: the customary 1024
// exists for programs that use select() on any descriptor.
[[nodiscard]] absl::StatusOr<int> BudgetDescriptors(const DescriptorNeed& need);

}  // namespace echogw
