// rebalance: evens out the load of the reactors or sets the automatic mode, by Rebalance.
#include <cstdint>
#include <optional>
#include <string>

#include "ctl/cli/commands.h"
#include "ctl/cli/option_set.h"
#include "ctl/gateway/client.h"
#include "ctl/gateway/rpc_error.h"
#include "ctl/output/emit.h"
#include "ctl/output/proto_document.h"
#include "ctl/verbs/operation_flow.h"

namespace echogw::ctl {
namespace {

using admin::v1::RebalancePolicy;

RebalancePolicy PolicyOf(const std::string& name) {
  if (name == "connections") return admin::v1::REBALANCE_POLICY_CONNECTIONS;
  if (name == "bytes") return admin::v1::REBALANCE_POLICY_BYTES;
  if (name == "busy") return admin::v1::REBALANCE_POLICY_BUSY;
  return admin::v1::REBALANCE_POLICY_UNSPECIFIED;
}

class RebalanceCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {"rebalance", "Even out the load of the reactors, once or automatically",
            "  echogwctl rebalance --dry-run\n"
            "  echogwctl rebalance --policy busy --max-moves 100 --wait\n"
            "  echogwctl rebalance --auto on --policy connections",
            "Load is the number of connections, the bytes that they carry, or the time that the "
            "loop is busy. The report shows the imbalance, the largest load over the mean, before "
            "and after: 1 is perfect.",
            OperationExitCodes()};
  }

  void AddOptions(OptionSet& options) override {
    options.Choice("--policy", &policy_, {"connections", "bytes", "busy"},
                   "What to even out; that of the automatic mode, or connections, if left out");
    const auto dry = options.Flag("--dry-run", &dry_run_, "Say what would be done and do nothing");
    const auto most = options.Count("--max-moves", &max_moves_, {.min = 1},
                                    "The most connections to move; no limit if left out");
    const auto wait = options.Flag("--wait", &wait_, "Wait for the end; exit 4 if it is cut short");
    options
        .Choice("--auto", &auto_, {"on", "off"},
                "Turn the automatic mode on or off instead of rebalancing once")
        .Excludes(dry)
        .Excludes(most)
        .Excludes(wait);
  }

  ExitCode Run(CommandContext& context) override {
    grpc::ClientContext call;
    context.client.SetDeadline(call);
    admin::v1::RebalanceRequest request;
    request.set_policy(PolicyOf(policy_));
    request.set_dry_run(dry_run_);
    request.set_max_moves(max_moves_);
    if (!auto_.empty()) {
      request.set_auto_(auto_ == "on" ? admin::v1::AUTO_REBALANCE_ON
                                      : admin::v1::AUTO_REBALANCE_OFF);
    }
    admin::v1::RebalanceResponse response;
    const grpc::Status status = context.client.admin().Rebalance(&call, request, &response);
    if (!status.ok()) return FailRpc(context, status);
    if (response.has_operation()) return FinishOperation(context, response.operation(), wait_);
    if (context.format != OutputFormat::kTable) {
      EmitDocument(context, ToDocument(response));
    } else {
      context.out << "Automatic rebalancing is " << (response.auto_enabled() ? "on" : "off")
                  << '\n';
    }
    return ExitCode::kOk;
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
