// Text from a gateway or a command line, safe to write to a terminal.
#pragma once

#include <string>
#include <string_view>

namespace echogw::ctl {

// `text` with its control characters, C1 (U+0080 to U+009F) included, as \x1b; the rest as it is.
std::string Printable(std::string_view text);

}  // namespace echogw::ctl
