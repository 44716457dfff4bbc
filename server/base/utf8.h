// UTF-8 as RFC 3629 defines it. Pure functions; any thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace echogw::server {

// The length of the character that `text`, which is not empty, begins with; 0 if it is not UTF-8.
[[nodiscard]] std::size_t Utf8Length(std::string_view text);

}  // namespace echogw::server
