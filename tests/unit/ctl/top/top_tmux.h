// A terminal of the tests' own: a tmux server with one window, which runs a command line in a shell
// and shows what is on the screen. Ended with the object.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace echogw::ctl::top {

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
  // Wait until the screen holds every one of `texts`, or no more `text`; fail the test after a
  // deadline. Return the screen. A frame or a line may arrive in parts: what a test goes on to ask
  // of the screen belongs into `texts`.
  std::string WaitForAll(const std::vector<std::string>& texts) const;
  std::string WaitFor(const std::string& text) const { return WaitForAll({text}); }
  std::string WaitForNo(const std::string& text) const;
  // A folder that is the test's own.
  const std::string& folder() const { return folder_; }

 private:
  // What the command wrote.
  std::string Run(const std::string& arguments) const;
  // What WaitFor() and WaitForNo() share: until `done` likes the screen.
  std::string WaitUntil(const std::function<bool(const std::string&)>& done,
                        const std::string& wanted) const;

  std::string folder_;
};

}  // namespace echogw::ctl::top
