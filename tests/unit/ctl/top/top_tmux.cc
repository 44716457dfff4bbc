#include "tests/unit/ctl/top/top_tmux.h"

#include <gtest/gtest.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace echogw::ctl::top {
namespace {

constexpr std::chrono::seconds kPatience{30};

std::string Output(const std::string& command) {
  std::string all;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return all;
  std::array<char, 4096> buffer{};
  for (std::size_t got = 0; (got = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    all.append(buffer.data(), got);
  }
  pclose(pipe);
  return all;
}

std::string Quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace

bool Tmux::IsInstalled() { return !Output("command -v tmux").empty(); }

Tmux::Tmux(const std::string& shell_line, int width, int height, const std::string& environment) {
  std::string folder = absl::StrCat(testing::TempDir(), "/top-XXXXXX");
  EXPECT_NE(mkdtemp(folder.data()), nullptr);
  folder_ = folder;
  // The last command keeps the window, with what was left on the screen.
  const std::string line = absl::StrCat("env ", environment, " sh -c ",
                                        Quoted(absl::StrCat(shell_line, "; echo end; cat")));
  EXPECT_EQ(Run(absl::StrCat("new-session -d -x ", width, " -y ", height, " ", Quoted(line))), "");
}

Tmux::~Tmux() {
  Run("kill-server");
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string Tmux::Run(const std::string& arguments) const {
  return Output(absl::StrCat("env -u TMUX LC_ALL=C.UTF-8 tmux -u -f /dev/null -S ", folder_,
                             "/socket ", arguments, " 2>&1"));
}

std::string Tmux::Capture(bool escapes) const {
  return Run(escapes ? "capture-pane -p -e" : "capture-pane -p");
}

void Tmux::Keys(const std::vector<std::string>& keys) const {
  std::string arguments = "send-keys";
  for (const std::string& key : keys) absl::StrAppend(&arguments, " ", Quoted(key));
  EXPECT_EQ(Run(arguments), "");
}

void Tmux::Resize(int width, int height) const {
  EXPECT_EQ(Run(absl::StrCat("resize-window -x ", width, " -y ", height)), "");
}

std::string Tmux::WaitForAll(const std::vector<std::string>& texts) const {
  return WaitUntil(
      [&texts](const std::string& screen) {
        return std::all_of(texts.begin(), texts.end(), [&screen](const std::string& text) {
          return screen.find(text) != std::string::npos;
        });
      },
      absl::StrCat("not all of '", absl::StrJoin(texts, "', '"), "' are"));
}

std::string Tmux::WaitForNo(const std::string& text) const {
  return WaitUntil(
      [&text](const std::string& screen) { return screen.find(text) == std::string::npos; },
      absl::StrCat("'", text, "' is still"));
}

std::string Tmux::WaitUntil(const std::function<bool(const std::string&)>& done,
                            const std::string& wanted) const {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  std::string screen;
  do {
    screen = Capture();
    if (done(screen)) return screen;
    usleep(20'000);
  } while (std::chrono::steady_clock::now() < end);
  ADD_FAILURE() << wanted << " on the screen:\n" << screen;
  return screen;
}

}  // namespace echogw::ctl::top
