// The nearest known word to a mistyped one. Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace echogw::ctl {

// Letters to insert, delete, replace or swap with a neighbour to make `a` into `b`.
std::size_t EditDistance(std::string_view a, std::string_view b);

// The known word nearest to `word`, the first of equals; empty if none is near enough.
std::string Nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace echogw::ctl
