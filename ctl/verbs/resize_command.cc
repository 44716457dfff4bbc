// resize: changes the number of serving reactors, by Resize.
#include "ctl/verbs/verb.h"

namespace echogw::ctl {
namespace {

class ResizeCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {"resize", "Change the number of reactors; connections move, none is closed",
            "  echogwctl resize 4 --wait\n"
            "  echogwctl resize 2 --wait --deadline 1m\n"
            "  echogwctl resize 2 --dry-run     # show what would happen",
            "Surplus reactors are parked: their connections move to the others, and one of these "
            "accepts on their listeners, so that no connection attempt is lost. Parked reactors "
            "are used first when reactors are added.",
            OperationExitCodes()};
  }

  void AddOptions(OptionSet& options) override {
    options.Count("N", &target_, {.min = 1, .max = 256}, "Number of serving reactors, 1 to 256")
        .Required();
    AddWait(options, &wait_);
    AddDeadline(options, &deadline_, "Time limit for moving connections (30s)");
    AddDryRun(options, &dry_run_);
  }

  ExitCode Run(CommandContext& context) override {
    admin::v1::ResizeRequest request;
    request.set_target(target_);
    if (deadline_) ToProto(*deadline_, request.mutable_deadline());
    request.set_dry_run(dry_run_);
    return BeginOperation<&Admin::Resize>(context, request, wait_);
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
