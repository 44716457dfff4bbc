// Options that several verbs have, each defined once.
#pragma once

#include <cstdint>
#include <optional>

#include "ctl/cli/option_set.h"

namespace echogw::ctl {

inline constexpr std::uint64_t kMaxReactor = 255;

inline OptionHandle AddWait(OptionSet& options, bool* wait) {
  return options.Flag("--wait", wait, "Wait for the end; exit 4 if it times out or is cancelled");
}

inline OptionHandle AddDryRun(OptionSet& options, bool* dry_run) {
  return options.Flag("--dry-run", dry_run, "Report what would be done without doing it");
}

// Into a Duration or an optional one.
template <typename T>
OptionHandle AddDeadline(OptionSet& options, T* deadline, const std::string& help) {
  return options.Time("--deadline", deadline, help, kLeastTime);
}

// For a verb that acts on one reactor or on the whole gateway.
inline OptionHandle AddReactor(OptionSet& options, std::optional<std::uint32_t>* reactor) {
  return options.Count("--reactor", reactor, {.max = kMaxReactor},
                       "One reactor (the whole gateway)");
}

}  // namespace echogw::ctl
