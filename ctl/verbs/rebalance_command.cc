// rebalance: evens out the load of the reactors or sets the automatic mode, by Rebalance.
#include "ctl/verbs/verb.h"

namespace echogw::ctl {
namespace {

class RebalanceCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {"rebalance", "Balance the load of the reactors, once or automatically",
            "  echogwctl rebalance --dry-run\n"
            "  echogwctl rebalance --policy busy --max-moves 100 --wait\n"
            "  echogwctl rebalance --auto on --policy connections",
            "Load is the number of connections, the bytes they carry, or the time the loop is "
            "busy. The report shows the imbalance, the largest load over the mean, before and "
            "after: 1 is perfect.",
            OperationExitCodes()};
  }

  void AddOptions(OptionSet& options) override {
    options.Choice("--policy", &policy_, {"connections", "bytes", "busy"},
                   "What to balance (that of the automatic mode, else connections)");
    const auto dry = AddDryRun(options, &dry_run_);
    const auto most = options.Count("--max-moves", &max_moves_, {.min = 1},
                                    "Move at most this many connections (no limit)");
    const auto wait = AddWait(options, &wait_);
    options
        .Choice("--auto", &auto_, {"on", "off"},
                "Turn the automatic mode on or off instead of rebalancing once")
        .Excludes(dry)
        .Excludes(most)
        .Excludes(wait);
  }

  ExitCode Run(CommandContext& context) override {
    admin::v1::RebalanceRequest request;
    request.set_policy(EnumOf<admin::v1::RebalancePolicy>(policy_));
    request.set_dry_run(dry_run_);
    request.set_max_moves(max_moves_);
    request.set_auto_(EnumOf<admin::v1::AutoRebalance>(auto_));
    const auto reply = Call<&Admin::Rebalance>(context, request);
    if (!reply.status.ok()) return FailRpc(context, reply.status);
    const auto& response = reply.message;
    if (response.has_operation()) return FinishOperation(context, response.operation(), wait_);
    return Emit(context, response, [&] {
      context.out << "Automatic rebalancing is " << (response.auto_enabled() ? "on" : "off")
                  << '\n';
    });
  }

 private:
  std::string policy_;
  std::string auto_;
  bool dry_run_ = false;
  std::uint64_t max_moves_ = 0;
  bool wait_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeRebalanceCommand() { return std::make_unique<RebalanceCommand>(); }

}  // namespace echogw::ctl
