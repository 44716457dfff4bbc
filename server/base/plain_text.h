// Text of strangers, such as the words of a refused request, made fit for a line of the log, a
// terminal or a status message. Pure functions; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace echogw::server {

// Whether it is UTF-8 without control characters, line separators and direction marks.
[[nodiscard]] bool IsPlain(std::string_view text);

// The text with everything else escaped ("\n", "\x1b"), and cut to about `bytes_max` bytes, which
// its end then says.
[[nodiscard]] std::string PlainText(std::string_view text, std::size_t bytes_max);

}  // namespace echogw::server
