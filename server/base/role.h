// Roles of the callers of the admin port, and that which a method requires. Pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace echogw::server {

// Ordered: each includes the rights of the one before.
enum class Role : std::uint8_t { kNone, kViewer, kOperator };
inline constexpr auto kRoleNames = std::to_array<const char*>({"none", "viewer", "operator"});

// The least role that may call a method, by its path "/package.Service/Method". Health needs none,
// because a probe has no secrets. A viewer may call methods that read, named Get..., List... and
// Watch..., and reflection. All other methods, known or not, require an operator.
[[nodiscard]] Role RoleNeeded(const std::string& path);

}  // namespace echogw::server
