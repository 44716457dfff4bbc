// undrain: takes the gateway, or one reactor, back into service, by Undrain.
#include <cstdint>
#include <optional>

#include "ctl/cli/commands.h"
#include "ctl/cli/option_set.h"
#include "ctl/gateway/client.h"
#include "ctl/gateway/rpc_error.h"
#include "ctl/output/emit.h"
#include "ctl/output/proto_document.h"
#include "ctl/views/enum_text.h"

namespace echogw::ctl {
namespace {

class UndrainCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {"undrain", "Take the gateway, or one reactor, back into service",
            "  echogwctl undrain\n"
            "  echogwctl undrain --reactor 3",
            "A drain that is under way is cancelled. Connections that it has closed stay "
            "closed."};
  }

  void AddOptions(OptionSet& options) override {
    options.Count("--reactor", &reactor_, {.max = 255}, "One reactor; the gateway if left out");
  }

  ExitCode Run(CommandContext& context) override {
    grpc::ClientContext call;
    context.client.SetDeadline(call);
    admin::v1::UndrainRequest request;
    if (reactor_) request.set_reactor(*reactor_);
    admin::v1::UndrainResponse response;
    const grpc::Status status = context.client.admin().Undrain(&call, request, &response);
    if (!status.ok()) return FailRpc(context, status);
    if (context.format != OutputFormat::kTable) {
      EmitDocument(context, ToDocument(response));
      return ExitCode::kOk;
    }
    if (reactor_) context.out << "Reactor " << *reactor_ << " is back in service\n";
    context.out << "The gateway is " << EnumText(response.state()) << '\n';
    return ExitCode::kOk;
  }

 private:
  std::optional<std::uint32_t> reactor_;
};

}  // namespace

std::unique_ptr<Command> MakeUndrainCommand() { return std::make_unique<UndrainCommand>(); }

}  // namespace echogw::ctl
