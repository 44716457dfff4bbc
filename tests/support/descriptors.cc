#include "tests/support/descriptors.h"

#include <filesystem>
#include <iterator>

namespace echogw {

std::size_t OpenDescriptors() {
  // The iterator itself has one open.
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all))) - 1;
}

}  // namespace echogw
