// Goal: Tab offers what the command line takes, no more and no less. Method: a real bash runs the
// generated function on typed lines; zsh and fish check the syntax where they are installed, and
// their scripts name everything that there is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tests/unit/ctl/cli_run.h"
#include "tests/unit/ctl/describe/own_model.h"
#include "tests/unit/ctl/describe/tool_run.h"

namespace echogw::ctl {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;
using testing::UnorderedElementsAre;

std::string Script(const std::string& shell) {
  const CliRun run = RunNowhere({"completion", shell});
  EXPECT_EQ(run.code, 0) << run.err;
  return run.out;
}

class BashCompletionTest : public testing::Test {
 protected:
  BashCompletionTest() {
    if (!HasTool("bash")) skip_ = true;
  }
  void SetUp() override {
    if (skip_) GTEST_SKIP() << "bash is not installed";
  }

  // What Tab offers at the end of `line`, when `breaks` split words.
  std::vector<std::string> Complete(const std::string& line,
                                    const std::string& breaks = " \t\n\"'><=;|&(:") {
    const std::string program = absl::StrCat(
        "source ", file_.path(), "; COMP_WORDBREAKS=$2; COMP_LINE=$1; COMP_POINT=${#1}; ",
        "_echogwctl; ((${#COMPREPLY[@]})) && printf '%s\\n' \"${COMPREPLY[@]}\"; true");
    const ToolRun run = RunShell(absl::StrCat("bash --norc -u -c ", ShellWord(program), " bash ",
                                              ShellWord(line), " ", ShellWord(breaks)));
    EXPECT_EQ(run.code, 0) << run.out;
    return absl::StrSplit(run.out, '\n', absl::SkipEmpty());
  }

  TemporaryFile file_{Script("bash")};
  bool skip_ = false;
};

TEST_F(BashCompletionTest, RegistersItself) {
  const ToolRun run =
      RunShell(absl::StrCat("bash --norc -c 'source ", file_.path(), "; complete -p echogwctl'"));
  EXPECT_EQ(run.out, "complete -F _echogwctl echogwctl\n");
}

TEST_F(BashCompletionTest, EveryVerb) {
  const std::vector<std::string> offered = Complete("echogwctl ");
  std::vector<std::string> verbs;
  for (const CliVerb& verb : OwnModel().verbs) verbs.push_back(verb.name);
  EXPECT_EQ(offered, verbs);
  EXPECT_THAT(Complete("echogwctl re"), ElementsAre("reactors", "resize", "rebalance", "reload"));
  EXPECT_THAT(Complete("echogwctl -o json --target 127.0.0.1:7001 ev"), ElementsAre("events"));
  EXPECT_THAT(Complete("echogwctl zz"), IsEmpty());
}

TEST_F(BashCompletionTest, EveryOptionOfEveryVerb) {
  const CliModel model = OwnModel();
  for (const CliVerb& verb : model.verbs) {
    std::vector<std::string> all;
    for (const auto* options : {&verb.options, &model.options}) {
      for (const CliOption& option : *options) {
        if (!option.long_name.empty()) all.push_back("--" + option.long_name);
      }
    }
    EXPECT_THAT(Complete(absl::StrCat("echogwctl ", verb.name, " --")),
                testing::UnorderedElementsAreArray(all))
        << verb.name;
  }
}

TEST_F(BashCompletionTest, EveryValueThatHasAName) {
  const CliModel model = OwnModel();
  for (const CliVerb& verb : model.verbs) {
    for (const CliOption& option : verb.options) {
      if (option.choices.empty()) continue;
      EXPECT_EQ(Complete(absl::StrCat("echogwctl ", verb.name, " --", option.long_name, " ")),
                option.choices)
          << verb.name << " " << option.long_name;
    }
  }
  EXPECT_THAT(Complete("echogwctl drain --refuse re"), ElementsAre("reset"));
  EXPECT_THAT(Complete("echogwctl -o "), ElementsAre("table", "json", "yaml"));
  EXPECT_THAT(Complete("echogwctl stats --output y"), ElementsAre("yaml"));
  EXPECT_THAT(Complete("echogwctl drain --deadline "), IsEmpty());
}

TEST_F(BashCompletionTest, AValueBehindAnEqualsSign) {
  // Where '=' breaks words, bash replaces what is behind it; elsewhere the whole word.
  EXPECT_THAT(Complete("echogwctl conns --sort=by"), ElementsAre("bytes"));
  EXPECT_THAT(Complete("echogwctl conns --sort=by", " \t\n"), ElementsAre("--sort=bytes"));
  EXPECT_THAT(Complete("echogwctl --output="), ElementsAre("table", "json", "yaml"));
  EXPECT_THAT(Complete("echogwctl stats --nothing="), IsEmpty());
}

TEST_F(BashCompletionTest, Arguments) {
  EXPECT_THAT(Complete("echogwctl log-level "),
              ElementsAre("trace", "debug", "info", "warn", "error", "off"));
  EXPECT_THAT(Complete("echogwctl log-level info "), IsEmpty());
  EXPECT_THAT(Complete("echogwctl completion z"), ElementsAre("zsh"));
  EXPECT_THAT(Complete("echogwctl man dr"), ElementsAre("drain"));
  EXPECT_THAT(Complete("echogwctl resize "), IsEmpty());
  // As many as one likes; a value in parts.
  EXPECT_THAT(Complete("echogwctl wait serving --deadline 5s con"), ElementsAre("connections="));
  EXPECT_THAT(Complete("echogwctl wait connections="), IsEmpty());
}

TEST_F(BashCompletionTest, Paths) {
  EXPECT_THAT(Complete("echogwctl man --dir /et"), Contains("/etc"));
}

TEST_F(BashCompletionTest, PathsWithBlanks) {
  const std::string folder = absl::StrCat(file_.path(), ".d/my dir");
  std::filesystem::create_directories(folder);
  const std::string file = folder + "/token file";
  std::ofstream(file) << "x";
  const std::string cut = folder + "/to";
  const std::string escaped = absl::StrReplaceAll(cut, {{" ", "\\ "}});
  for (const std::string& typed : {"'" + cut, "\"" + cut, escaped}) {
    EXPECT_THAT(Complete("echogwctl --token-file " + typed), ElementsAre(file)) << typed;
  }
  EXPECT_THAT(Complete("echogwctl --token-file '" + file + "' sta"), ElementsAre("stats"));
  EXPECT_THAT(Complete("echogwctl --token-file=" + escaped), ElementsAre(file));
  std::filesystem::remove_all(file_.path() + ".d");
}

TEST_F(BashCompletionTest, ShellcheckHasNothingToSay) {
  if (!HasTool("shellcheck")) GTEST_SKIP() << "shellcheck is not installed";
  EXPECT_EQ(RunShell("shellcheck -S style " + file_.path()).out, "");
}

// Options and verbs by name, so that a script which forgets one is found where no shell is.
void ExpectNamesAll(const std::string& script, const std::string& long_prefix) {
  const CliModel model = OwnModel();
  for (const CliVerb& verb : model.verbs) {
    EXPECT_THAT(script, HasSubstr(verb.name));
    for (const CliOption& option : verb.options) {
      EXPECT_THAT(script, HasSubstr(long_prefix + option.long_name));
      for (const std::string& choice : option.choices) EXPECT_THAT(script, HasSubstr(choice));
    }
  }
}

TEST(ZshCompletionTest, NamesEverything) {
  const std::string script = Script("zsh");
  EXPECT_THAT(script, testing::StartsWith("#compdef echogwctl\n"));
  ExpectNamesAll(script, "--");
  EXPECT_THAT(script, HasSubstr("'(-o --output)--output=[Output format (table)]:"
                                "table|json|yaml:(table json yaml)'"));
  EXPECT_THAT(script, HasSubstr("'*--reactor=["));
}

TEST(ZshCompletionTest, ZshTakesIt) {
  if (!HasTool("zsh")) GTEST_SKIP() << "zsh is not installed";
  const TemporaryFile file(Script("zsh"));
  EXPECT_EQ(RunShell("zsh -f -n " + file.path()).out, "");
  const ToolRun run =
      RunShell(absl::StrCat("zsh -f -c 'autoload -U compinit; compinit -u -D; source ", file.path(),
                            "; print $_comps[echogwctl]'"));
  EXPECT_EQ(run.out, "_echogwctl\n");
}

TEST(FishCompletionTest, NamesEverything) {
  const std::string script = Script("fish");
  ExpectNamesAll(script, " -l ");
  EXPECT_THAT(script, HasSubstr("complete -c echogwctl -n '__echogwctl_verb drain' -l refuse -x "
                                "-a 'accept reset silent' -d '"));
}

TEST(FishCompletionTest, FishTakesItAndCompletes) {
  if (!HasTool("fish")) GTEST_SKIP() << "fish is not installed";
  const TemporaryFile file(Script("fish"));
  EXPECT_EQ(RunShell("fish --no-execute " + file.path()).out, "");
  const auto complete = [&file](const std::string& line) {
    return RunShell(absl::StrCat("fish --no-config -c \"source ", file.path(), "; complete -C '",
                                 line, "'\""))
        .out;
  };
  EXPECT_THAT(complete("echogwctl drain --refuse re"), HasSubstr("reset\t"));
  EXPECT_THAT(complete("echogwctl -o json ev"), HasSubstr("events\t"));
  EXPECT_THAT(complete("echogwctl man drain --ref"), Not(HasSubstr("refuse")));
}

}  // namespace
}  // namespace echogw::ctl
