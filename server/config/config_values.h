// Parsers for the values of configuration keys. Pure functions; any thread. Errors are
// InvalidArgument and say what is allowed; the caller adds the key and the source.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "reactor/net/socket.h"
#include "server/config/config.h"

namespace echogw::server {

// Whether `text` is UTF-8 without control characters, so that messages, files and the admin API can
// contain it.
[[nodiscard]] bool IsPlainText(std::string_view text);

// "HOST:PORT", "[HOST]:PORT" or ":PORT"; HOST is numeric or "localhost". "localhost" and an empty
// HOST stay as they are.
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

// The index of `text` among `words`, the names of an enumeration.
[[nodiscard]] absl::StatusOr<std::size_t> ParseWord(const std::string& text,
                                                    std::span<const char* const> words);

// A value of the configuration for one limit.
[[nodiscard]] absl::StatusOr<std::uint64_t> ParseLimit(const LimitField& field,
                                                       const std::string& text);

// "64KiB" for 65536, "1000" for 1000.
[[nodiscard]] std::string FormatBytes(std::uint64_t bytes);

// The value of a limit, such as "1000", "1m30s" or "reset".
[[nodiscard]] std::string LimitText(const LimitField& field, const Limits& limits);

// The word of `candidates` that `word` is probably a typo of; empty if none is close.
[[nodiscard]] std::string ClosestWord(const std::string& word,
                                      const std::vector<std::string>& candidates);

}  // namespace echogw::server
