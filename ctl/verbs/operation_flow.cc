#include "ctl/verbs/operation_flow.h"

#include <chrono>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "ctl/gateway/call.h"
#include "ctl/output/emit.h"
#include "ctl/output/proto_document.h"
#include "ctl/output/status_line.h"
#include "ctl/views/operation_view.h"

namespace echogw::ctl {
namespace {

using admin::v1::Operation;

void ShowProgress(StatusLine& line, const Operation& operation) {
  if (IsDone(operation)) return;
  line.Show(absl::StrCat("operation ", operation.id(), ": ", OperationTitle(operation), ": ",
                         OperationProgress(operation)),
            operation.phase());
}

// Follows operation `id` until it or the stream ends. `last` is its last state, if any was read.
grpc::Status WatchToEnd(CommandContext& context, std::uint64_t id, Operation& last) {
  admin::v1::WatchOperationRequest request;
  request.set_id(id);
  Stream<&Admin::WatchOperation> stream(context, request, context.client.timeout());
  admin::v1::WatchOperationResponse response;
  StatusLine line(context);
  while (stream.Read(response)) {
    // The server reports at once and then at every change.
    stream.AllowSilence();
    last = response.operation();
    ShowProgress(line, last);
  }
  return stream.Finish();
}

}  // namespace

std::vector<ExitMeaning> OperationExitCodes() {
  return {{0, "the operation started; with --wait: it succeeded"},
          {1, "the gateway refused; with --wait also: the operation failed"},
          {4,
           "with --wait: the operation timed out or was cancelled, or Ctrl-C ended the wait, in "
           "which case it continues"}};
}

void ReportOperation(CommandContext& context, const Operation& operation) {
  Emit(
      context,
      [&] {
        return Document::Object({{"operation", ToDocument(operation)}});
      },
      [&] { PrintOperation(context.out, operation, context.colour); });
}

ExitCode FinishOperation(CommandContext& context, const Operation& begun, bool wait) {
  // A dry run takes no time to speak of, and its report is what was asked for.
  if ((wait || begun.dry_run()) && !IsDone(begun)) {
    return FollowOperation(context, begun.id(), OnInterrupt::kUnfinished, begun);
  }
  if (IsDone(begun) || context.format != OutputFormat::kTable) {
    ReportOperation(context, begun);
    return OperationExitCode(begun);
  }
  context.out << "Operation " << begun.id() << " started: " << OperationTitle(begun)
              << "\nFollow it with: echogwctl operation " << begun.id() << " --watch\n";
  return ExitCode::kOk;
}

ExitCode FollowOperation(CommandContext& context, std::uint64_t id, OnInterrupt on_interrupt,
                         Operation last) {
  grpc::Status status = WatchToEnd(context, id, last);
  // An upgrade ends the process that was asked; the next one goes on to report it.
  const auto until = std::chrono::steady_clock::now() + context.client.timeout();
  while (last.kind() == admin::v1::OPERATION_KIND_UPGRADE && !IsDone(last) &&
         !context.interrupt.requested() && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(kUpgradePause);
    status = WatchToEnd(context, last.id(), last);
  }
  if (IsDone(last)) {
    ReportOperation(context, last);
    return OperationExitCode(last);
  }
  if (context.interrupt.requested()) {
    if (on_interrupt == OnInterrupt::kEnough) return ExitCode::kOk;
    return Fail(context, ExitCode::kPartial,
                absl::StrCat("stopped waiting; operation ", id,
                             " continues, see 'echogwctl operation ", id, "'"));
  }
  if (!status.ok()) return FailRpc(context, status);
  return Fail(context, ExitCode::kUnreachable,
              absl::StrCat(context.client.target(),
                           " ended the stream before the operation was done; the gateway is "
                           "stopping"));
}

}  // namespace echogw::ctl
