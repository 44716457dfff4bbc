// The exit codes of echogwctl, a contract with scripts: a number never changes its meaning.
#pragma once

namespace echogw::ctl {

enum class ExitCode : int {
  // The request was carried out.
  kOk = 0,
  // The gateway refused, the operation failed, or the check found a fault.
  kRefused = 1,
  // Invalid usage; nothing was sent.
  kUsage = 2,
  // No response, or not in time.
  kUnreachable = 3,
  // Partly done: the operation timed out or was cancelled.
  kPartial = 4,
};

}  // namespace echogw::ctl
