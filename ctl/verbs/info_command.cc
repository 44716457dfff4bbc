// info: version, addresses and the configuration in force, by GetInfo.
#include <google/protobuf/util/time_util.h>

#include <map>

#include "absl/strings/str_join.h"
#include "ctl/verbs/verb.h"

namespace echogw::ctl {
namespace {

void Print(CommandContext& context, const admin::v1::GetInfoResponse& info) {
  using google::protobuf::util::TimeUtil;
  PrintFacts(context.out,
             {{"Version", info.version()},
              {"Revision", info.revision()},
              {"Built by", absl::StrCat(info.compiler(), ", ", info.build_type())},
              {"Started", info.has_start_time() ? TimeUtil::ToString(info.start_time()) : ""},
              {"Process", absl::StrCat(info.pid())},
              {"Listens on", absl::StrJoin(info.listen_addresses(), ", ")},
              {"UDP on", absl::StrJoin(info.udp_addresses(), ", ")},
              {"Admin", info.admin_address()},
              {"Metrics", info.metrics_address().empty() ? "off" : info.metrics_address()},
              {"Poller", info.poller()},
              {"Transform", info.transform()},
              {"Steering", info.steering_active() ? "active" : "off: the kernel's hash selects"}});
  if (info.config().empty()) return;
  context.out << '\n';
  Table table("KEY|VALUE");
  const std::map<std::string, std::string> sorted(info.config().begin(), info.config().end());
  for (const auto& [key, value] : sorted) table.AddRow({key, value});
  table.Print(context.out, context.colour);
}

class InfoCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {"info", "Show version, addresses with their actual ports, effective configuration",
            "  echogwctl info\n"
            "  echogwctl info -o json | jq -r '.listen_addresses[]'",
            "The table of keys is the effective configuration, whether a value came from a file, "
            "the environment, the command line or a default."};
  }

  ExitCode Run(CommandContext& context) override {
    return CallAndEmit<&Admin::GetInfo>(context, {},
                                        [&](const auto& info) { Print(context, info); });
  }
};

}  // namespace

std::unique_ptr<Command> MakeInfoCommand() { return std::make_unique<InfoCommand>(); }

}  // namespace echogw::ctl
