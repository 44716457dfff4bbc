// The transform that is not the identity.
#pragma once

#include <cstddef>
#include <span>

namespace echogw {

// ASCII only, whatever the locale; simple enough for the compiler to vectorise.
inline void UpperCase(std::span<std::byte> bytes) {
  for (std::byte& b : bytes) {
    const auto c = std::to_integer<unsigned>(b);
    const unsigned is_lower = (c - 'a') < 26U ? 0x20U : 0U;
    b = static_cast<std::byte>(c ^ is_lower);
  }
}

}  // namespace echogw
