// A terminal of the tests' own: a tmux server with one window, which runs a command line in a shell
// and shows what is on the screen. Ended with the object.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace echogw {

class Tmux {
 public:
  static bool IsInstalled();

  // Runs `shell_line` by sh. `environment` is "NAME=VALUE ...", quoted for a shell.
  Tmux(const std::string& shell_line, int width, int height,
       const std::string& environment = "LC_ALL=C.UTF-8");
  ~Tmux();
  Tmux(const Tmux&) = delete;
  Tmux& operator=(const Tmux&) = delete;

  // The screen as text; with `escapes` as it was drawn.
  std::string Capture(bool escapes = false) const;
  // As tmux names keys: "j", "Enter", "C-c".
  void Keys(const std::vector<std::string>& keys) const;
  void Resize(int width, int height) const;
  // Waits until the screen holds `text`, or does no more; fails the test after a deadline. Returns
  // the screen.
  std::string WaitFor(const std::string& text, bool there = true) const;
  // A folder that is the test's own.
  const std::string& folder() const { return folder_; }

 private:
  // What the command wrote.
  std::string Run(const std::string& arguments) const;

  std::string folder_;
};

}  // namespace echogw
