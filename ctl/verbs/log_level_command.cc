// log-level: shows or sets the levels of the gateway's logs, by SetLogLevel.
#include "ctl/verbs/verb.h"

namespace echogw::ctl {
namespace {

class LogLevelCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {"log-level", "Show or change the gateway's log levels at run time",
            "  echogwctl log-level                      # show the levels\n"
            "  echogwctl log-level debug                # every log\n"
            "  echogwctl log-level trace --log file     # only the log file\n"
            "  echogwctl log-level info",
            "A level holds until the gateway exits; its configuration is not changed. Messages "
            "less severe than the level are not written."};
  }

  void AddOptions(OptionSet& options) override {
    const auto level =
        options.Choice("LEVEL", &level_, {"trace", "debug", "info", "warn", "error", "off"},
                       "trace, debug, info, warn, error or off (unchanged)");
    options.Choice("--log", &log_, {"console", "file"}, "Only this log (both)").Needs(level);
  }

  ExitCode Run(CommandContext& context) override {
    admin::v1::SetLogLevelRequest request;
    request.set_level(level_);
    request.set_target(EnumOf<admin::v1::LogTarget>(log_));
    return CallAndEmit<&Admin::SetLogLevel>(context, request, [&](const auto& levels) {
      PrintFacts(context.out,
                 {{"Console", levels.console_level()},
                  {"File", levels.file_level().empty() ? "no log file" : levels.file_level()}});
    });
  }

 private:
  std::string level_;
  std::string log_;
};

}  // namespace

std::unique_ptr<Command> MakeLogLevelCommand() { return std::make_unique<LogLevelCommand>(); }

}  // namespace echogw::ctl
