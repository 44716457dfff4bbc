// Starts operations and reports or follows them. For the thread that runs the verb.
#pragma once

#include <cstdint>
#include <vector>

#include "ctl/base/command.h"
#include "ctl/gateway/call.h"
#include "echogw/admin/v1/admin.pb.h"

namespace echogw::ctl {

// Exit codes of a verb that starts an operation.
std::vector<ExitMeaning> OperationExitCodes();

// Reports an operation that was just started. With `wait`, and for a dry run, it follows the
// operation to its end, with progress on the error stream, and reports that. The exit code is the
// operation's.
ExitCode FinishOperation(CommandContext& context, const admin::v1::Operation& begun, bool wait);

// Calls kMethod, which starts an operation, and finishes it.
template <auto kMethod>
ExitCode BeginOperation(CommandContext& context, const RequestOf<kMethod>& request, bool wait) {
  const auto reply = Call<kMethod>(context, request);
  if (!reply.status.ok()) return FailRpc(context, reply.status);
  return FinishOperation(context, reply.message.operation(), wait);
}

enum class OnInterrupt {
  // Ctrl-C ends the view: exit code 0.
  kEnough,
  // Ctrl-C leaves the question open: exit code 4, and a line that the operation continues.
  kUnfinished,
};

// Follows operation `id`, 0 for the newest, to its end and reports it. `last` is what is known of
// it.
ExitCode FollowOperation(CommandContext& context, std::uint64_t id, OnInterrupt on_interrupt,
                         admin::v1::Operation last = {});

// Writes the report in the context's format.
void ReportOperation(CommandContext& context, const admin::v1::Operation& operation);

}  // namespace echogw::ctl
