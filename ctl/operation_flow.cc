#include "ctl/operation_flow.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "ctl/client.h"
#include "ctl/emit.h"
#include "ctl/interrupt.h"
#include "ctl/operation_view.h"
#include "ctl/proto_document.h"
#include "ctl/rpc_error.h"
#include "ctl/watchdog.h"

namespace echogw {
namespace {

using admin::v1::Operation;

// Shows an operation under way on the error stream: one line that changes on a terminal, one line
// for each phase anywhere else.
class Progress {
 public:
  explicit Progress(CommandContext& context) : context_(context) {}
  ~Progress() { Clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Show(const Operation& operation) {
    if (IsDone(operation)) return;
    const std::string text =
        absl::StrCat("operation ", operation.id(), ": ", OperationTitle(operation), ": ",
                     OperationProgress(operation));
    if (context_.err_is_terminal) {
      // Back to the start of the line, and clear what is right of the new text.
      context_.err << '\r' << text << "\x1b[K" << std::flush;
      drawn_ = true;
    } else if (phase_ != operation.phase()) {
      context_.err << text << '\n' << std::flush;
    }
    phase_ = operation.phase();
  }

  void Clear() {
    if (drawn_) context_.err << "\r\x1b[K" << std::flush;
    drawn_ = false;
  }

 private:
  CommandContext& context_;
  std::optional<std::string> phase_;
  bool drawn_ = false;
};

}  // namespace

void ReportOperation(CommandContext& context, const Operation& operation) {
  if (context.format == OutputFormat::kTable) {
    PrintOperation(context.out, operation, context.colour);
    context.out.flush();
    return;
  }
  EmitDocument(context, Document::Object({{"operation", ToDocument(operation)}}));
}

ExitCode FinishOperation(CommandContext& context, const Operation& begun, bool wait) {
  if (wait && !IsDone(begun)) {
    return FollowOperation(context, begun.id(), OnInterrupt::kUnfinished);
  }
  if (IsDone(begun) || context.format != OutputFormat::kTable) {
    ReportOperation(context, begun);
    return OperationExitCode(begun);
  }
  context.out << "Operation " << begun.id() << " has begun: " << OperationTitle(begun)
              << "\nFollow it with: echogwctl operation " << begun.id() << " --watch\n";
  return ExitCode::kOk;
}

ExitCode FollowOperation(CommandContext& context, std::uint64_t id, OnInterrupt on_interrupt) {
  grpc::ClientContext call;
  const auto guard = context.interrupt.Arm([&call] { call.TryCancel(); });
  // The server reports at once and then at every change, which may be far away: only the first
  // report is due.
  Watchdog watchdog(context.client.timeout(), [&call] { call.TryCancel(); });
  admin::v1::WatchOperationRequest request;
  request.set_id(id);
  const auto reader = context.client.admin().WatchOperation(&call, request);

  admin::v1::WatchOperationResponse response;
  Operation last;
  {
    Progress progress(context);
    while (reader->Read(&response)) {
      watchdog.Stop();
      last = response.operation();
      progress.Show(last);
    }
  }
  watchdog.Stop();
  const grpc::Status status = reader->Finish();
  if (IsDone(last)) {
    ReportOperation(context, last);
    return OperationExitCode(last);
  }
  if (context.interrupt.requested()) {
    if (on_interrupt == OnInterrupt::kEnough) return ExitCode::kOk;
    return Fail(context, ExitCode::kPartial,
                absl::StrCat("stopped waiting; operation ", id,
                             " goes on, see 'echogwctl operation ", id, "'"));
  }
  if (watchdog.has_bitten()) return FailRpc(context, {grpc::StatusCode::DEADLINE_EXCEEDED, ""});
  if (!status.ok()) return FailRpc(context, status);
  return Fail(context, ExitCode::kUnreachable,
              absl::StrCat(context.client.target(),
                           " ended the stream before the operation was done; the gateway is "
                           "stopping"));
}

}  // namespace echogw
