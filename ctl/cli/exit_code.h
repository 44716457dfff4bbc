// The exit codes of echogwctl, a contract with scripts: a number never changes its meaning.
#pragma once

namespace echogw::ctl {

enum class ExitCode : int {
  // What was asked for was done.
  kOk = 0,
  // The gateway said no, or the operation failed, or the check found a fault.
  kRefused = 1,
  // The command line makes no sense; nothing was sent.
  kUsage = 2,
  // Nobody answered, or not in time.
  kUnreachable = 3,
  // A part was done: the operation ran out of time or was cancelled.
  kPartial = 4,
};

}  // namespace echogw::ctl
