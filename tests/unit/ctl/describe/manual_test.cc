// Goal: the manual says all that the command line takes, in a form that the readers of manuals
// accept without a warning.
#include "ctl/describe/manual.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/unit/ctl/cli_run.h"
#include "tests/unit/ctl/describe/own_model.h"
#include "tests/unit/ctl/describe/tool_run.h"

namespace echogw::ctl {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr char kDate[] = "February 29, 2024";

std::string Read(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class ManualTest : public testing::Test {
 protected:
  ManualTest() {
    std::string pattern = testing::TempDir() + "echogw-man-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~ManualTest() override { std::filesystem::remove_all(folder_); }
  std::string folder_;
};

TEST_F(ManualTest, APageForEveryVerb) {
  const CliModel model = OwnModel();
  const std::string overview = ManualPage(model, kDate);
  for (const CliVerb& verb : model.verbs) {
    EXPECT_THAT(overview,
                HasSubstr(absl::StrCat(".It Xr echogwctl\\-",
                                       absl::StrReplaceAll(verb.name, {{"-", "\\-"}}), " 1\n")));
    const std::string page = ManualPage(model, verb, kDate);
    for (const CliOption& option : verb.options) {
      const std::string name = absl::StrReplaceAll(option.long_name, {{"-", "\\-"}});
      EXPECT_THAT(page, HasSubstr("Fl \\-" + name)) << verb.name;
    }
    for (const CliOption& argument : verb.arguments) {
      EXPECT_THAT(page, HasSubstr(".It Ar \\&" + argument.argument)) << verb.name;
    }
    EXPECT_THAT(page, HasSubstr(".Sh EXIT STATUS\n")) << verb.name;
    EXPECT_THAT(page, HasSubstr("\nechogwctl " + absl::StrReplaceAll(verb.name, {{"-", "\\-"}})));
  }
}

TEST_F(ManualTest, TheOverviewHasEveryVariableOfTheEnvironment) {
  const CliModel model = OwnModel();
  const std::string overview = ManualPage(model, kDate);
  for (const CliOption& option : model.options) {
    if (option.environment.empty()) continue;
    EXPECT_THAT(overview, HasSubstr(absl::StrCat(".It Ev ", option.environment, "\n")));
  }
  // No option has its value.
  EXPECT_THAT(overview, HasSubstr(".It Ev ECHOGW_TOKEN\n"));
}

TEST_F(ManualTest, TheDateIsThatOfTheSource) {
  ASSERT_EQ(setenv("SOURCE_DATE_EPOCH", "1709164800", 1), 0);
  EXPECT_THAT(RunNowhere({"man", "stats"}).out, HasSubstr("\n.Dd February 29, 2024\n"));
  EXPECT_EQ(RunNowhere({"man"}).out, ManualPage(OwnModel(), kDate));
  ASSERT_EQ(unsetenv("SOURCE_DATE_EPOCH"), 0);
}

TEST_F(ManualTest, AllPagesAsFiles) {
  ASSERT_EQ(setenv("SOURCE_DATE_EPOCH", "1709164800", 1), 0);
  EXPECT_EQ(RunNowhere({"man", "--dir", folder_}).code, 0);
  const CliModel model = OwnModel();
  EXPECT_EQ(Read(folder_ + "/echogwctl.1"), ManualPage(model, kDate));
  for (const CliVerb& verb : model.verbs) {
    EXPECT_EQ(Read(absl::StrCat(folder_, "/echogwctl-", verb.name, ".1")),
              ManualPage(model, verb, kDate));
  }
  ASSERT_EQ(unsetenv("SOURCE_DATE_EPOCH"), 0);
  const CliRun run = RunNowhere({"man", "--dir", folder_ + "/none"});
  EXPECT_EQ(run.code, 1);
  EXPECT_EQ(run.err, absl::StrCat("echogwctl: cannot write ", folder_,
                                  "/none/echogwctl.1; is --dir a writable directory?\n"));
}

TEST_F(ManualTest, ManDbSetsEveryPageWithoutAWarning) {
  if (!HasTool("man") || !HasTool("groff")) GTEST_SKIP() << "man-db or groff is not installed";
  ASSERT_EQ(RunNowhere({"man", "--dir", folder_}).code, 0);
  for (const auto& file : std::filesystem::directory_iterator(folder_)) {
    const ToolRun warnings = RunShell(absl::StrCat(
        "LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings=w -l ", file.path().string(), " > /dev/null"));
    EXPECT_EQ(warnings.code, 0) << file.path();
    EXPECT_EQ(warnings.out, "") << file.path();
  }
}

TEST_F(ManualTest, ManDbShowsWhatWasMeant) {
  if (!HasTool("man") || !HasTool("groff")) GTEST_SKIP() << "man-db or groff is not installed";
  const TemporaryFile file(RunNowhere({"man", "close"}).out);
  const std::string shown =
      RunShell(absl::StrCat("LC_ALL=C.UTF-8 MANWIDTH=80 MAN_KEEP_FORMATTING= man -P cat -l ",
                            file.path()))
          .out;
  EXPECT_THAT(shown, HasSubstr("echogwctl-close"));
  EXPECT_THAT(shown, HasSubstr("--idle-min DURATION"));
  EXPECT_THAT(shown, HasSubstr("-y, --yes"));
  EXPECT_THAT(shown, HasSubstr("echogwctl close --idle-min 10m --yes"));
  EXPECT_THAT(shown, Not(HasSubstr("\\&")));
}

TEST_F(ManualTest, MandocHasNothingToSay) {
  if (!HasTool("mandoc")) GTEST_SKIP() << "mandoc is not installed";
  ASSERT_EQ(RunNowhere({"man", "--dir", folder_}).code, 0);
  EXPECT_EQ(RunShell("mandoc -T lint -W warning " + folder_ + "/*.1").out, "");
}

}  // namespace
}  // namespace echogw::ctl
