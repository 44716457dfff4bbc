// reload: puts a changed configuration in force, by an Upgrade to the same binary.
#include "ctl/verbs/upgrade_options.h"
#include "ctl/verbs/verb.h"

namespace echogw::ctl {
namespace {

class ReloadCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {"reload", "Put a changed configuration in force; no connection is lost",
            "  echogwctl reload --dry-run      # check the configuration, show what changes\n"
            "  echogwctl reload --wait\n"
            "  echogwctl reload --config /etc/echogw/next.toml --wait",
            "Every setting can change: addresses, certificates, the poller. The gateway starts "
            "its own binary once more, which reads the configuration file again, and hands over "
            "to that process as 'echogwctl upgrade' does. A configuration with an error changes "
            "nothing. Limits, log levels and the number of reactors that an operator has set "
            "stay, unless the configuration changes them. Flags of the command line are as they "
            "were.",
            OperationExitCodes()};
  }

  void AddOptions(OptionSet& options) override { AddUpgrade(options, &upgrade_); }

  ExitCode Run(CommandContext& context) override {
    admin::v1::UpgradeRequest request = ToRequest(upgrade_);
    request.set_same_binary(true);
    return BeginOperation<&Admin::Upgrade>(context, request, upgrade_.wait);
  }

 private:
  UpgradeOptions upgrade_;
};

}  // namespace

std::unique_ptr<Command> MakeReloadCommand() { return std::make_unique<ReloadCommand>(); }

}  // namespace echogw::ctl
