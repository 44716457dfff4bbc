// resize: changes the number of serving reactors, by Resize.
#include <cstdint>
#include <optional>

#include "ctl/cli/commands.h"
#include "ctl/cli/option_set.h"
#include "ctl/gateway/client.h"
#include "ctl/gateway/rpc_error.h"
#include "ctl/output/proto_document.h"
#include "ctl/verbs/operation_flow.h"

namespace echogw::ctl {
namespace {

class ResizeCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {"resize", "Change the number of reactors; connections move, none is closed",
            "  echogwctl resize 4 --wait\n"
            "  echogwctl resize 2 --wait --deadline 1m\n"
            "  echogwctl resize 2 --dry-run     # what would happen",
            "Reactors that are too many are parked: their connections move to the others, and "
            "one of those accepts for their listeners, so that nobody who connects meanwhile is "
            "lost. Parked ones are the first to come back when reactors are added.",
            OperationExitCodes()};
  }

  void AddOptions(OptionSet& options) override {
    options.Count("N", &target_, {.min = 1, .max = 256}, "Serving reactors to have, 1 to 256")
        .Required();
    options.Flag("--wait", &wait_, "Wait for the end; exit 4 if it is cut short");
    options.Time("--deadline", &deadline_, "How long connections may take to move (30s)",
                 std::chrono::milliseconds(1));
    options.Flag("--dry-run", &dry_run_, "Say what would be done and do nothing");
  }

  ExitCode Run(CommandContext& context) override {
    grpc::ClientContext call;
    context.client.SetDeadline(call);
    admin::v1::ResizeRequest request;
    request.set_target(target_);
    if (deadline_) ToProto(*deadline_, request.mutable_deadline());
    request.set_dry_run(dry_run_);
    admin::v1::ResizeResponse response;
    const grpc::Status status = context.client.admin().Resize(&call, request, &response);
    if (!status.ok()) return FailRpc(context, status);
    return FinishOperation(context, response.operation(), wait_);
  }

 private:
  std::uint32_t target_ = 0;
  bool wait_ = false;
  bool dry_run_ = false;
  std::optional<Duration> deadline_;
};

}  // namespace

std::unique_ptr<Command> MakeResizeCommand() { return std::make_unique<ResizeCommand>(); }

}  // namespace echogw::ctl
