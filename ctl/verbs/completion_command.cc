// completion: the script that lets a shell complete echogwctl's command line. Contacts no gateway.
#include <string>

#include "ctl/cli/commands.h"
#include "ctl/cli/option_set.h"
#include "ctl/describe/completion.h"

namespace echogw::ctl {
namespace {

class CompletionCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {"completion",
            "Print a script that completes this command line in a shell",
            "  echogwctl completion bash > /etc/bash_completion.d/echogwctl\n"
            "  source <(echogwctl completion bash)          # for this bash only\n"
            "  echogwctl completion zsh > \"${fpath[1]}/_echogwctl\"\n"
            "  echogwctl completion fish > ~/.config/fish/completions/echogwctl.fish",
            "The script knows the commands, their options and named values. It calls neither "
            "echogwctl nor the gateway; print it again after an upgrade. Zsh needs "
            "'autoload -U compinit; compinit' in ~/.zshrc.",
            {{1, "the output could not be written"}, {2, "invalid usage"}, {3, ""}}};
  }

  void AddOptions(OptionSet& options) override {
    options.Choice("SHELL", &shell_, {"bash", "zsh", "fish"}, "bash, zsh or fish").Required();
  }

  bool CallsGateway() const override { return false; }

  ExitCode Run(CommandContext& context) override {
    const CliModel model = context.describe();
    context.out << (shell_ == "bash"  ? BashCompletion(model)
                    : shell_ == "zsh" ? ZshCompletion(model)
                                      : FishCompletion(model));
    return ExitCode::kOk;
  }

 private:
  std::string shell_;
};

}  // namespace

std::unique_ptr<Command> MakeCompletionCommand() { return std::make_unique<CompletionCommand>(); }

}  // namespace echogw::ctl
