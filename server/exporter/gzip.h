// Compression of an HTTP body by zlib. Any thread.
#pragma once

#include <optional>
#include <string>

namespace echogw::server {

// `text` in gzip format; unset if zlib fails.
[[nodiscard]] std::optional<std::string> Gzip(const std::string& text);

// Whether the value of Accept-Encoding allows gzip: by name, and not with a quality of 0.
[[nodiscard]] bool NamesGzip(const std::string& accept_encoding);

}  // namespace echogw::server
