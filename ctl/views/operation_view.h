// Operations as text.
#pragma once

#include <ostream>
#include <string>

#include "ctl/base/exit_code.h"
#include "echogw/admin/v1/admin.pb.h"

namespace echogw::ctl {

// "resize 8 -> 2", "drain of reactor 3".
std::string OperationTitle(const admin::v1::Operation& operation);

// "move-connections, 600 moved, 12 left, 1.20 s": one line while it runs.
std::string OperationProgress(const admin::v1::Operation& operation);

// The whole report, running or done.
void PrintOperation(std::ostream& out, const admin::v1::Operation& operation, bool colour);

// 0 while it runs or when it succeeded, 4 when it timed out or was cancelled, 1 when it failed.
ExitCode OperationExitCode(const admin::v1::Operation& operation);

bool IsDone(const admin::v1::Operation& operation);

}  // namespace echogw::ctl
