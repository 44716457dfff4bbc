// man: manual pages, from the same definitions as --help. Contacts no gateway.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "ctl/cli/commands.h"
#include "ctl/cli/option_set.h"
#include "ctl/cli/suggest.h"
#include "ctl/describe/manual.h"

namespace echogw::ctl {
namespace {

// Today, or the day of SOURCE_DATE_EPOCH for reproducible builds.
std::string PageDate() {
  absl::Time time = absl::Now();
  const char* fixed = std::getenv("SOURCE_DATE_EPOCH");
  std::int64_t seconds = 0;
  if (fixed != nullptr && absl::SimpleAtoi(fixed, &seconds)) time = absl::FromUnixSeconds(seconds);
  return absl::FormatTime("%B %e, %Y", time, absl::UTCTimeZone());
}

class ManCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {"man",
            "Print the manual page of echogwctl, or of one command",
            "  echogwctl man | man -l -\n"
            "  echogwctl man drain | man -l -\n"
            "  echogwctl man --dir /usr/local/share/man/man1   # every page, as files",
            "The pages are in mdoc and carry the date of SOURCE_DATE_EPOCH, or of today.",
            {{1, "a page could not be written"}, {2, "invalid usage"}, {3, ""}}};
  }

  void AddOptions(OptionSet& options) override {
    const auto verb = options.Text("COMMAND", &verb_, "The command (the overview)", "COMMAND");
    options.Text("--dir", &folder_, "Write every page into this existing directory", "DIR")
        .Excludes(verb);
  }

  bool CallsGateway() const override { return false; }

  ExitCode Run(CommandContext& context) override {
    const CliModel model = context.describe();
    const std::string date = PageDate();
    if (!folder_.empty()) return WriteAll(context, model, date);
    if (verb_.empty()) {
      context.out << ManualPage(model, date);
      return ExitCode::kOk;
    }
    const auto verb = std::find_if(model.verbs.begin(), model.verbs.end(),
                                   [this](const CliVerb& each) { return each.name == verb_; });
    if (verb == model.verbs.end()) return FailUnknown(context, model);
    context.out << ManualPage(model, *verb, date);
    return ExitCode::kOk;
  }

 private:
  ExitCode FailUnknown(CommandContext& context, const CliModel& model) const {
    std::vector<std::string> names;
    for (const CliVerb& each : model.verbs) names.push_back(each.name);
    const std::string nearest = Nearest(verb_, names);
    return Fail(context, ExitCode::kUsage,
                absl::StrCat("man: unknown command '", verb_, "'; ",
                             nearest.empty() ? "'echogwctl --help' lists them"
                                             : absl::StrCat("did you mean '", nearest, "'?")));
  }

  ExitCode WriteAll(CommandContext& context, const CliModel& model, const std::string& date) const {
    std::vector<std::pair<std::string, std::string>> pages = {
        {ManualName(model), ManualPage(model, date)}};
    for (const CliVerb& verb : model.verbs) {
      pages.emplace_back(ManualName(model, verb), ManualPage(model, verb, date));
    }
    for (const auto& [name, page] : pages) {
      const std::string path = absl::StrCat(folder_, "/", name, ".1");
      std::ofstream file(path, std::ios::binary | std::ios::trunc);
      file << page;
      file.close();
      if (!file.good()) {
        return Fail(context, ExitCode::kRefused,
                    absl::StrCat("cannot write ", path, "; is --dir a writable directory?"));
      }
    }
    return ExitCode::kOk;
  }

  std::string verb_;
  std::string folder_;
};

}  // namespace

std::unique_ptr<Command> MakeManCommand() { return std::make_unique<ManCommand>(); }

}  // namespace echogw::ctl
