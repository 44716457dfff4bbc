// version: that of echogwctl, and by GetInfo that of the gateway.
#include "ctl/base/version.h"
#include "ctl/verbs/verb.h"

namespace echogw::ctl {
namespace {

class VersionCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {"version", "Show the versions of echogwctl and of the gateway",
            "  echogwctl version\n"
            "  echogwctl version --client   # does not contact the gateway",
            "If the gateway does not respond, the version of echogwctl is printed anyway."};
  }

  void AddOptions(OptionSet& options) override {
    options.Flag("--client", &client_only_, "Only that of echogwctl; do not contact the gateway");
  }

  bool CallsGateway() const override { return !client_only_; }

  ExitCode Run(CommandContext& context) override {
    Reply<admin::v1::GetInfoResponse> reply;
    if (!client_only_) reply = Call<&Admin::GetInfo>(context);
    const auto& info = reply.message;
    const bool asked = !client_only_ && reply.status.ok();
    const auto document = [&] {
      const Document gateway = Document::Object({{"version", info.version()},
                                                 {"revision", info.revision()},
                                                 {"compiler", info.compiler()},
                                                 {"build_type", info.build_type()}});
      return Document::Object({{"client", Document::Object({{"version", kCtlVersion}})},
                               {"gateway", asked ? gateway : Document()}});
    };
    Emit(context, document, [&] { Print(context, asked ? &info : nullptr); });
    return reply.status.ok() ? ExitCode::kOk : FailRpc(context, reply.status);
  }

 private:
  static void Print(CommandContext& context, const admin::v1::GetInfoResponse* info) {
    std::string gateway;
    if (info != nullptr) {
      gateway = absl::StrCat(
          info->version(), " (", info->revision().empty() ? "" : info->revision() + ", ",
          info->compiler(), ", ", info->build_type(), ") at ", context.client.target());
    }
    PrintFacts(context.out, {{"echogwctl", kCtlVersion}, {"echogw", gateway}});
  }

  bool client_only_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeVersionCommand() { return std::make_unique<VersionCommand>(); }

}  // namespace echogw::ctl
