// What a caller of the admin port may do, and what a method asks for. Pure functions; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace echogw::server {

// Ordered: each may do all that the one before may.
enum class Role : std::uint8_t { kNone, kViewer, kOperator };
inline constexpr auto kRoleNames = std::to_array<const char*>({"none", "viewer", "operator"});

// The least role that may call a method, by its path "/package.Service/Method". Health is for
// everybody, because a probe has no secrets. A viewer may call what reads, by the name of the
// method: Get..., List... and Watch...; also reflection. Whatever else there is, known or not,
// takes an operator.
[[nodiscard]] Role RoleNeeded(const std::string& path);

}  // namespace echogw::server
