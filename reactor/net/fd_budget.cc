#include "reactor/net/fd_budget.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace echogw {

bool FdBudget::ProbeRoom(int any_open) noexcept {
  const int lowest_free = ::fcntl(any_open, F_DUPFD_CLOEXEC, 0);
  bool room = lowest_free < 0 ? errno != EMFILE : lowest_free < ceiling_;
  if (lowest_free >= 0) ::close(lowest_free);
  if (room) at_ceiling_.store(false, std::memory_order_relaxed);
  return room;
}

}  // namespace echogw
