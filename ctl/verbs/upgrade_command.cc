// upgrade: replaces the process of the gateway, by Upgrade.
#include "ctl/verbs/upgrade_options.h"
#include "ctl/verbs/verb.h"

namespace echogw::ctl {
namespace {

class UpgradeCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {"upgrade", "Replace the gateway's process; its connections move to the new one",
            "  echogwctl upgrade --wait        # the binary at the path it was started from\n"
            "  echogwctl upgrade --binary /opt/echogw-0.2/echogw --wait\n"
            "  echogwctl upgrade --dry-run     # start it, compare the settings, end it",
            "The gateway starts the new binary on its own machine, with its own arguments, and "
            "hands over its listeners and connections with all that is held for them, counters, "
            "limits, weights and events. Until the new process has everything, any failure leaves "
            "the old one serving with all its connections. Connections with TLS cannot move: they "
            "stay with the old process until they end or --linger has passed.",
            OperationExitCodes()};
  }

  void AddOptions(OptionSet& options) override {
    options.Text("--binary", &binary_,
                 "New binary, an absolute path on the gateway's machine (the path that it was "
                 "started from)");
    AddUpgrade(options, &upgrade_);
  }

  ExitCode Run(CommandContext& context) override {
    admin::v1::UpgradeRequest request = ToRequest(upgrade_);
    request.set_binary(binary_);
    return BeginOperation<&Admin::Upgrade>(context, request, upgrade_.wait);
  }

 private:
  std::string binary_;
  UpgradeOptions upgrade_;
};

}  // namespace

std::unique_ptr<Command> MakeUpgradeCommand() { return std::make_unique<UpgradeCommand>(); }

}  // namespace echogw::ctl
