// Facts that both sides of a handover share; see handover.proto.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"

namespace echogw::server {

inline constexpr std::uint32_t kHandoverProtocol = 1;

// How the new process finds its end of the channel. The flag is not a setting, and hidden; it is
// the last one.
inline constexpr char kTakeoverFlag[] = "--takeover-fd";
// In a second process.
inline constexpr int kTakeoverFd = 3;
// Of the channel; unset: this process takes nobody's place.
[[nodiscard]] inline std::optional<int> TakeoverFd(int argc, const char* const* argv) {
  int fd = -1;
  if (argc < 3 || std::string_view(argv[argc - 2]) != kTakeoverFlag ||
      !absl::SimpleAtoi(argv[argc - 1], &fd)) {
    return std::nullopt;
  }
  return fd;
}
// An error line as the reason of a refusal: without "echogw: " and the line break.
[[nodiscard]] inline std::string Reason(const std::string& line) {
  return std::string(absl::StripTrailingAsciiWhitespace(absl::StripPrefix(line, "echogw: ")));
}

inline constexpr std::size_t kConnectionsPerFrame = 128;

}  // namespace echogw::server
