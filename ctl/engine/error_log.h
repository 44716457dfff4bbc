// ErrorLog: the errors of the connections of a load, counted by kind and errno, the first few with
// details. A value: one writer, merged after the writers ended. Allocates: errors are rare.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace echogw::ctl::load {

enum class ErrorKind {
  // The connection was refused or failed before it was established.
  kConnect,
  // It was not established within the connect timeout.
  kConnectTimeout,
  // This machine ran out of source ports, open files or memory. Not the fault of the server.
  kClientLimit,
  // The server sent RST.
  kReset,
  // The server closed before it had echoed all, or first.
  kEarlyEof,
  // The echo differs from what was sent.
  kWrongBytes,
  // The server sent more than it received.
  kSurplusBytes,
  // No progress within the timeout, or an answer missing at the end.
  kTimeout,
  // Any other error of the socket.
  kIo,
};

// "connect", "connect-timeout", "client-limit" and so on.
[[nodiscard]] inline std::string_view ErrorKindName(ErrorKind kind) {
  // By the values of ErrorKind.
  static constexpr std::array<std::string_view, 9> kNames = {
      "connect",     "connect-timeout", "client-limit", "reset", "early-eof",
      "wrong-bytes", "surplus-bytes",   "timeout",      "io"};
  return kNames.at(static_cast<std::size_t>(kind));
}

// "ECONNREFUSED", "" for 0, "errno 9999" for a number without a name.
[[nodiscard]] inline std::string ErrnoName(int error) {
  if (error == 0) return "";
  const char* const name = strerrorname_np(error);
  return name != nullptr ? std::string(name) : absl::StrCat("errno ", error);
}

class ErrorLog {
 public:
  // The errors of a kind and errno with details; all are counted.
  static constexpr std::uint64_t kDetails = 5;

  struct Detail {
    std::chrono::system_clock::time_point time{};
    ErrorKind kind = ErrorKind::kIo;
    int error = 0;
    // Counts the connections of the load from 0.
    std::uint64_t connection = 0;
    // 0 when it had none.
    std::uint16_t local_port = 0;
    // Bytes of its stream that had come back right.
    std::uint64_t offset = 0;
    // Empty, or more of it: "expected 0x41, got 0x42".
    std::string text{};
  };
  using Key = std::pair<ErrorKind, int>;

  void Add(Detail detail) {
    ++total_;
    const std::uint64_t count = ++counts_[{detail.kind, detail.error}];
    if (count <= kDetails) details_.push_back(std::move(detail));
  }
  void Merge(const ErrorLog& other) {
    total_ += other.total_;
    for (const auto& [key, count] : other.counts_) counts_[key] += count;
    details_.insert(details_.end(), other.details_.begin(), other.details_.end());
    std::stable_sort(details_.begin(), details_.end(),
                     [](const Detail& a, const Detail& b) { return a.time < b.time; });
  }

  [[nodiscard]] std::uint64_t total() const { return total_; }
  [[nodiscard]] std::uint64_t CountOf(ErrorKind kind) const {
    std::uint64_t count = 0;
    for (const auto& [key, value] : counts_) {
      if (key.first == kind) count += value;
    }
    return count;
  }
  [[nodiscard]] const std::map<Key, std::uint64_t>& counts() const { return counts_; }
  // At most kDetails of each kind, errno and thread, in order of time.
  [[nodiscard]] const std::vector<Detail>& details() const { return details_; }

 private:
  std::uint64_t total_ = 0;
  std::map<Key, std::uint64_t> counts_;
  std::vector<Detail> details_;
};

}  // namespace echogw::ctl::load
