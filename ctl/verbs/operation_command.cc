// operation: one operation as it stands by GetOperation, or to its end by WatchOperation.
#include "ctl/verbs/verb.h"

namespace echogw::ctl {
namespace {

class OperationCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {
        "operation",
        "Show the report of a resize, move, rebalance or drain",
        "  echogwctl operation              # the latest\n"
        "  echogwctl operation 7\n"
        "  echogwctl operation 7 --watch    # until it ends; exits with its code",
        "The report shows the phases with their durations, the connections moved, closed, reset "
        "and left, and what the kernel counted meanwhile.",
        {{0, "shown, regardless of its result; with --watch: it succeeded, or Ctrl-C was pressed"},
         {1, "there is no such operation; with --watch also: it failed"},
         {4, "with --watch: it timed out or was cancelled"}}};
  }

  void AddOptions(OptionSet& options) override {
    options.Count("ID", &id_, {.min = 1}, "Number of the operation (the latest)");
    options.Flag("-w,--watch", &watch_,
                 "Follow it to its end; exit 4 if it times out or is cancelled");
  }

  ExitCode Run(CommandContext& context) override {
    if (watch_) return FollowOperation(context, id_, OnInterrupt::kEnough);
    admin::v1::GetOperationRequest request;
    request.set_id(id_);
    const auto reply = Call<&Admin::GetOperation>(context, request);
    if (!reply.status.ok()) return FailRpc(context, reply.status);
    ReportOperation(context, reply.message.operation());
    return ExitCode::kOk;
  }

 private:
  std::uint64_t id_ = 0;
  bool watch_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeOperationCommand() { return std::make_unique<OperationCommand>(); }

}  // namespace echogw::ctl
