#include "ctl/engine/error_log.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace echogw::ctl::load {

std::string_view ErrorKindName(ErrorKind kind) {
  // By the values of ErrorKind.
  static constexpr std::array<std::string_view, 9> kNames = {
      "connect",     "connect-timeout", "client-limit", "reset", "early-eof",
      "wrong-bytes", "surplus-bytes",   "timeout",      "io"};
  return kNames.at(static_cast<std::size_t>(kind));
}

std::string ErrnoName(int error) {
  if (error == 0) return "";
  const char* const name = strerrorname_np(error);
  return name != nullptr ? std::string(name) : absl::StrCat("errno ", error);
}

void ErrorLog::Add(Detail detail) {
  ++total_;
  const std::uint64_t count = ++counts_[{detail.kind, detail.error}];
  if (count <= kDetails) details_.push_back(std::move(detail));
}

void ErrorLog::Merge(const ErrorLog& other) {
  total_ += other.total_;
  for (const auto& [key, count] : other.counts_) counts_[key] += count;
  details_.insert(details_.end(), other.details_.begin(), other.details_.end());
  std::stable_sort(details_.begin(), details_.end(),
                   [](const Detail& a, const Detail& b) { return a.time < b.time; });
}

std::uint64_t ErrorLog::CountOf(ErrorKind kind) const {
  std::uint64_t count = 0;
  for (const auto& [key, value] : counts_) {
    if (key.first == kind) count += value;
  }
  return count;
}

}  // namespace echogw::ctl::load
