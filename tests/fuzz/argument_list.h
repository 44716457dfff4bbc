// A list of arguments from the bytes of a fuzzer: parted by zero bytes, each as it is, but for a
// first byte of 0x80 or more, which stands for one of the `words`. So names need not be guessed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace echogw {

inline std::vector<std::string> ArgumentsFrom(const std::uint8_t* data, std::size_t size,
                                              const std::vector<std::string>& words) {
  std::vector<std::string> arguments;
  bool begins = true;
  for (std::size_t i = 0; i < size; ++i) {
    if (begins) arguments.emplace_back();
    if (begins && data[i] >= 0x80) {
      arguments.back() = words[(data[i] - 0x80U) % words.size()];
      begins = false;
      continue;
    }
    begins = data[i] == 0;
    if (!begins) arguments.back().push_back(static_cast<char>(data[i]));
  }
  return arguments;
}

}  // namespace echogw
