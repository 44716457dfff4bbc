// Goal: whatever the arguments of echogwctl are, it runs a verb, prints what was asked for and ends
// with 0, or says in one line what is wrong and ends with 2. Method: see argument_list.h; verbs
// parse as they do, and do nothing when run.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "ctl/cli/cli.h"
#include "ctl/cli/cli_tree.h"
#include "reactor/base/check.h"
#include "tests/fuzz/argument_list.h"

namespace echogw::ctl {
namespace {

class ParsesOnly : public Command {
 public:
  ParsesOnly(std::unique_ptr<Command> real, int& runs) : real_(std::move(real)), runs_(runs) {}
  CommandHelp Help() const override { return real_->Help(); }
  void AddOptions(OptionSet& options) override { real_->AddOptions(options); }
  ExitCode Run(CommandContext& /*context*/) override {
    ++runs_;
    return ExitCode::kOk;
  }

 private:
  std::unique_ptr<Command> real_;
  int& runs_;
};

std::vector<std::string> Words() {
  const auto commands = MakeCommands();
  CliTree tree(commands);
  const CliModel model = tree.Describe();
  std::vector<std::string> words = {"--help", "--version", "-h", "--", "-"};
  const auto add = [&words](const std::vector<CliOption>& options) {
    for (const CliOption& each : options) words.push_back("--" + each.long_name);
  };
  add(model.options);
  for (const CliVerb& verb : model.verbs) {
    words.push_back(verb.name);
    add(verb.options);
  }
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  return words;
}

void Judge(const std::vector<std::string>& arguments) {
  int runs = 0;
  std::vector<std::unique_ptr<Command>> commands;
  for (std::unique_ptr<Command>& each : MakeCommands()) {
    commands.push_back(std::make_unique<ParsesOnly>(std::move(each), runs));
  }
  std::ostringstream out;
  std::ostringstream err;
  Interrupt interrupt;
  const ExitCode code =
      RunCli(arguments, std::move(commands), {.out = out, .err = err, .interrupt = interrupt});
  const std::string said = err.str();
  if (code == ExitCode::kOk) {
    CHECK(said.empty());
    CHECK((runs == 1) == out.str().empty());
    return;
  }
  CHECK(code == ExitCode::kUsage);
  CHECK(runs == 0 && out.str().empty());
  CHECK(said.starts_with("echogwctl: ") && said.size() > sizeof("echogwctl: "));
  CHECK(std::count(said.begin(), said.end(), '\n') == 1 && said.back() == '\n');
}

}  // namespace
}  // namespace echogw::ctl

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<std::string> words = [] {
    ::unsetenv("ECHOGW_TARGET");
    return echogw::ctl::Words();
  }();
  echogw::ctl::Judge(echogw::ArgumentsFrom(data, size, words));
  return 0;
}
