// Lines for people out of running text. A pure function.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace echogw::ctl {

// The words of `text` in lines of at most `width` characters (a longer word has a line alone), each
// ended; `first` stands before the first line and `other` before the rest, and count.
std::string Fill(std::string_view text, std::size_t width, std::string_view first,
                 std::string_view other);

}  // namespace echogw::ctl
