// Which reactor gets the next connection of a listener that all reactors share: a weighted round
// robin. Reactor's thread.
#pragma once

#include <cstdint>
#include <vector>

#include "reactor/command.h"

namespace echogw {

class RoundRobin {
 public:
  // Ignores a command that is older than the last one.
  void Set(const AssignConnections& command);
  // Null if there are no targets.
  [[nodiscard]] Mailbox* Next();

 private:
  struct Entry {
    AssignTarget target;
    std::int64_t credit = 0;
  };
  std::vector<Entry> entries_;
  std::uint64_t version_ = 0;
};

}  // namespace echogw
