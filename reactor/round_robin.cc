#include "reactor/round_robin.h"

#include <algorithm>

namespace echogw {

void RoundRobin::Set(const AssignConnections& command) {
  if (command.version <= version_) return;
  version_ = command.version;
  entries_.clear();
  for (const AssignTarget& target : command.targets) entries_.push_back({target});
}

// Smooth weighted round robin: each gains its weight, the one with the most credit is next and
// pays the sum of all weights.
Mailbox* RoundRobin::Next() {
  if (entries_.empty()) return nullptr;
  std::int64_t total = 0;
  for (Entry& entry : entries_) {
    entry.credit += entry.target.weight;
    total += entry.target.weight;
  }
  Entry& next =
      *std::max_element(entries_.begin(), entries_.end(),
                        [](const Entry& a, const Entry& b) { return a.credit < b.credit; });
  next.credit -= total;
  return next.target.mailbox;
}

}  // namespace echogw
