// Goal: `top` is a good guest of a real terminal: it draws, follows its size, hears keys, survives
// the loss of the gateway, and leaves the terminal as it found it however it ends. Method: the
// binary in tmux against the fake gateway.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <memory>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/unit/ctl/top/top_gateway.h"
#include "tests/unit/ctl/top/top_tmux.h"

namespace echogw::ctl::top {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string FileText(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// tmux writes the default colour as 39 and 49.
void ExpectNoColour(const std::string& drawn) {
  for (char colour = '0'; colour <= '7'; ++colour) {
    EXPECT_THAT(drawn, Not(HasSubstr(absl::StrCat("\x1b[3", std::string(1, colour)))));
  }
}

class TopTerminalTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!Tmux::IsInstalled()) GTEST_SKIP() << "tmux is not installed";
    gateway_ = std::make_unique<TopGateway>();
    target_ = gateway_->target();
  }

  // Runs top, then says how it ended and whether the terminal is as it was.
  std::string Line(const std::string& arguments = "") const {
    return absl::StrCat("before=$(stty -g); sh -c 'echo $$ > \"$0\"; exec \"$@\"' ", pid_file_, " ",
                        ECHOGWCTL, " --target ", target_, " top -i 50ms ", arguments,
                        "; echo \"exit $?\"; [ \"$before\" = \"$(stty -g)\" ] && echo same");
  }
  void Start(int width = 80, int height = 24, const std::string& environment = "LC_ALL=C.UTF-8",
             const std::string& arguments = "") {
    tmux_ = std::make_unique<Tmux>(Line(arguments), width, height, environment);
  }
  void ExpectEnd(int code) const {
    const std::string screen = tmux_->WaitFor(absl::StrCat("exit ", code, "\nsame\nend\n"));
    // The frame was on a screen of its own.
    EXPECT_THAT(screen, Not(HasSubstr("CONNS")));
  }
  void Signal(int number) const {
    const pid_t pid = std::stoi(FileText(pid_file_));
    ASSERT_GT(pid, 1);
    EXPECT_EQ(kill(pid, number), 0);
  }

  const std::string pid_file_ =
      absl::StrCat(testing::TempDir(), "/top-pid-", static_cast<int>(getpid()));
  std::unique_ptr<TopGateway> gateway_;
  std::string target_;
  std::unique_ptr<Tmux> tmux_;
};

TEST_F(TopTerminalTest, DrawsAndQuits) {
  Start();
  tmux_->WaitForAll(
      {absl::StrCat(" echogw ", target_, "  serving  0.1.0"), "25%", "█", "h help  q quit"});
  tmux_->Keys({"q"});
  ExpectEnd(0);
}

TEST_F(TopTerminalTest, ActsOnTheGateway) {
  gateway_->operation = SampleOperation(admin::v1::OPERATION_RESULT_RUNNING);
  gateway_->operation_updates = {SampleOperation(admin::v1::OPERATION_RESULT_SUCCEEDED)};
  Start();
  tmux_->WaitFor("25%");
  tmux_->Keys({"+"});
  tmux_->WaitFor("Resize from 2 to 3 reactors?");
  EXPECT_TRUE(gateway_->requests().resize.empty());
  tmux_->Keys({"y"});
  tmux_->WaitFor("resize 8 -> 2 succeeded after 123 ms");
  ASSERT_EQ(gateway_->requests().resize.size(), 1U);
  EXPECT_EQ(gateway_->requests().resize[0].target(), 3U);
  // The arrow is a sequence that begins with Esc.
  tmux_->Keys({"Down", "Enter"});
  tmux_->WaitForAll({"Connections of reactor 1", "192.168.1.7:40000"});
  tmux_->Keys({"x", "y"});
  tmux_->WaitFor("connection 1000 is being closed");
  EXPECT_EQ(gateway_->closed().size(), 1U);
  tmux_->Keys({"Enter"});
  tmux_->WaitFor("ESTABLISHED");
  tmux_->Keys({"Escape"});
  tmux_->WaitFor("192.168.1.7:40001");
  tmux_->Keys({"e"});
  tmux_->WaitFor("resize 8 -> 2 failed");
  tmux_->Keys({"Escape"});
  tmux_->WaitFor("CONNS");
  tmux_->Keys({"C-c"});
  ExpectEnd(0);
}

TEST_F(TopTerminalTest, FollowsTheSizeOfTheTerminal) {
  Start();
  tmux_->WaitFor("25%");
  tmux_->Resize(132, 40);
  // Only a wide terminal has room for it, and only the last row of a high one holds the keys.
  const std::string screen = tmux_->WaitForAll({"(abc1234)", "D drain all", "q quit"});
  const std::vector<std::string> rows = absl::StrSplit(screen, '\n');
  ASSERT_GE(rows.size(), 40U);
  EXPECT_THAT(rows[39], HasSubstr("q quit"));
  tmux_->Resize(60, 20);
  tmux_->WaitForAll({"top needs 80x24", "this is 60x20"});
  tmux_->Resize(80, 24);
  tmux_->WaitFor("CONNS");
  tmux_->Resize(20, 5);
  tmux_->WaitFor("top needs 80x24");
  tmux_->Keys({"q"});
  ExpectEnd(0);
}

TEST_F(TopTerminalTest, ComesBackWithTheGateway) {
  Start();
  tmux_->WaitFor("25%");
  gateway_.reset();
  // The figures stay.
  tmux_->WaitForAll({"LOST, data ", "retrying", "CONNS"});
  gateway_ = std::make_unique<TopGateway>(target_);
  tmux_->WaitForNo("LOST");
  tmux_->WaitFor("25%");
  gateway_.reset();
  tmux_->WaitFor("LOST");
  tmux_->Keys({"q"});
  ExpectEnd(0);
}

TEST_F(TopTerminalTest, WaitsForAGatewayThatIsNotThereYet) {
  gateway_.reset();
  Start();
  tmux_->WaitForAll({"LOST, no data yet", "connection refused"});
  gateway_ = std::make_unique<TopGateway>(target_);
  tmux_->WaitFor("25%");
}

TEST_F(TopTerminalTest, ACallThatIsNotKnownIsAMessage) {
  gateway_->knows_lists = false;
  Start();
  tmux_->WaitFor("25%");
  tmux_->Keys({"Enter"});
  tmux_->WaitFor("does not know this call");
  tmux_->Keys({"e"});
  tmux_->WaitForAll({"Events, newest first", "q quit"});
  tmux_->WaitFor("does not know this call");
  tmux_->Keys({"q"});
  ExpectEnd(0);
}

TEST_F(TopTerminalTest, SignalsLeaveTheTerminalAsItWas) {
  for (const int number : {SIGINT, SIGTERM}) {
    Start();
    tmux_->WaitFor("25%");
    Signal(number);
    ExpectEnd(0);
  }
}

TEST_F(TopTerminalTest, StopsAndGoesOn) {
  // A shell with job control takes the terminal while top is stopped.
  tmux_ = std::make_unique<Tmux>("PS1='shell>' bash --norc --noprofile -i", 80, 24);
  tmux_->WaitFor("shell>");
  tmux_->Keys({absl::StrCat(ECHOGWCTL, " --target ", target_, " top -i 50ms"), "Enter"});
  tmux_->WaitFor("25%");
  tmux_->Keys({"C-z"});
  tmux_->WaitFor("Stopped");
  tmux_->Keys({"echo typed $((6 * 7))", "Enter"});
  tmux_->WaitFor("typed 42");
  tmux_->Keys({"fg", "Enter"});
  tmux_->WaitFor("h help  q quit");
  tmux_->WaitFor("25%");
  tmux_->Keys({"q"});
  tmux_->WaitForNo("CONNS");
  tmux_->Keys({"echo back $((6 * 8))", "Enter"});
  tmux_->WaitFor("back 48");
}

TEST_F(TopTerminalTest, WithoutUtf8ItIsAscii) {
  Start(80, 24, "LC_ALL=C");
  const std::string screen = tmux_->WaitForAll({"#     25%", "q quit"});
  for (const char c : screen) EXPECT_TRUE(c == '\n' || (c >= ' ' && c < 0x7f)) << screen;
}

TEST_F(TopTerminalTest, ColoursOnlyWhereTheyAreWanted) {
  Start();
  tmux_->WaitForAll({"25%", "q quit"});
  // Green, of the state.
  EXPECT_THAT(tmux_->Capture(true), HasSubstr("\x1b[32m"));
  Start(80, 24, "LC_ALL=C.UTF-8 NO_COLOR=1");
  tmux_->WaitForAll({"25%", "q quit"});
  const std::string drawn = tmux_->Capture(true);
  ExpectNoColour(drawn);
  EXPECT_THAT(drawn, HasSubstr("\x1b[7m"));
  Start(80, 24, "LC_ALL=C.UTF-8 TERM=vt100");
  tmux_->WaitForAll({"25%", "q quit"});
  ExpectNoColour(tmux_->Capture(true));
}

TEST_F(TopTerminalTest, RefusesATerminalThatCannotBeDrawnOn) {
  for (const char* term : {"dumb", "no-such-terminal", "''"}) {
    // The library forgets what it had made for a terminal that it does not know.
    Start(140, 24, absl::StrCat("LC_ALL=C.UTF-8 LSAN_OPTIONS=detect_leaks=0 TERM=", term));
    tmux_->WaitForAll({"cannot draw on a terminal", "echogwctl top --once"});
    ExpectEnd(2);
  }
}

}  // namespace
}  // namespace echogw::ctl::top
