// Compression of an HTTP body by zlib. Any thread.
#pragma once

#include <optional>
#include <string>

namespace echogw::server {

// `text` in gzip format; unset if zlib fails.
[[nodiscard]] std::optional<std::string> Gzip(const std::string& text);

}  // namespace echogw::server
