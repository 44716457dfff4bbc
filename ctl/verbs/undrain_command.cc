// undrain: takes the gateway, or one reactor, back into service, by Undrain.
#include "ctl/verbs/verb.h"

namespace echogw::ctl {
namespace {

class UndrainCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {"undrain", "Return the gateway, or one reactor, to service",
            "  echogwctl undrain\n"
            "  echogwctl undrain --reactor 3",
            "A drain in progress is cancelled. Connections it has closed stay closed."};
  }

  void AddOptions(OptionSet& options) override { AddReactor(options, &reactor_); }

  ExitCode Run(CommandContext& context) override {
    admin::v1::UndrainRequest request;
    if (reactor_) request.set_reactor(*reactor_);
    return CallAndEmit<&Admin::Undrain>(context, request, [&](const auto& response) {
      if (reactor_) context.out << "Reactor " << *reactor_ << " is back in service\n";
      context.out << "The gateway is " << EnumText(response.state()) << '\n';
    });
  }

 private:
  std::optional<std::uint32_t> reactor_;
};

}  // namespace

std::unique_ptr<Command> MakeUndrainCommand() { return std::make_unique<UndrainCommand>(); }

}  // namespace echogw::ctl
