// Text to value, for every kind of value that a configuration key has. Pure functions; any thread.
// Errors are InvalidArgument and say what is allowed; the caller adds the key and where it stood.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "reactor/net/socket.h"
#include "server/config/config.h"

namespace echogw::server {

// Whether a value can stand in a message, in a file and in the admin API: UTF-8 without control
// characters.
[[nodiscard]] bool IsPlainText(std::string_view text);

// "HOST:PORT", "[HOST]:PORT" or ":PORT"; HOST is numeric or "localhost" (127.0.0.1). An empty HOST
// stays empty.
[[nodiscard]] absl::StatusOr<ListenAddress> ParseHostPort(const std::string& text);

// "HOST:PORT" or "unix:PATH".
[[nodiscard]] absl::StatusOr<AdminAddress> ParseAdminAddress(const std::string& text);

// A decimal number in [min, max].
[[nodiscard]] absl::StatusOr<std::uint64_t> ParseUnsigned(const std::string& text,
                                                          std::uint64_t min, std::uint64_t max);

// Bytes: "65536", "64KiB", "1m"; every unit is a power of 1024.
[[nodiscard]] absl::StatusOr<std::uint64_t> ParseBytes(const std::string& text, std::uint64_t min,
                                                       std::uint64_t max);

// "500ms", "30s", "1m30s".
[[nodiscard]] absl::StatusOr<std::chrono::nanoseconds> ParseDuration(const std::string& text,
                                                                     std::chrono::nanoseconds min,
                                                                     std::chrono::nanoseconds max);

// on, off, true or false.
[[nodiscard]] absl::StatusOr<bool> ParseSwitch(const std::string& text);

// "0600"; octal, at most 0777.
[[nodiscard]] absl::StatusOr<unsigned> ParseFileMode(const std::string& text);

// "0-3,6"; no CPU twice.
[[nodiscard]] absl::StatusOr<std::vector<int>> ParseCpuList(const std::string& text);

// The words of an enumeration, in the order in which messages name them.
template <typename T>
using Words = std::vector<std::pair<const char*, T>>;

template <typename T>
[[nodiscard]] absl::StatusOr<T> ParseWord(const std::string& text, const Words<T>& words) {
  std::string known;
  for (const auto& [word, value] : words) {
    if (text == word) return value;
    absl::StrAppend(&known, known.empty() ? "" : ", ", word);
  }
  return absl::InvalidArgumentError(absl::StrCat("'", text, "' is not one of ", known));
}

// The word of `candidates` that `word` was probably meant to be; empty if none is close.
[[nodiscard]] std::string ClosestWord(const std::string& word,
                                      const std::vector<std::string>& candidates);

}  // namespace echogw::server
