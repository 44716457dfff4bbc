// Progress of a verb on the error stream: one changing line on a terminal, a line per step
// elsewhere. Used by the thread that runs the verb.
#pragma once

#include <optional>
#include <string>

#include "ctl/base/command.h"

namespace echogw::ctl {

class StatusLine {
 public:
  explicit StatusLine(CommandContext& context) : context_(context) {}
  // Leaves a terminal as it was.
  ~StatusLine() { Clear(); }
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  // Without a terminal `text` is written only when `step` is not that of the call before.
  void Show(const std::string& text, const std::string& step) {
    if (context_.err_is_terminal && !context_.dumb_terminal) {
      // Back to the start of the line, and clear what is right of the new text.
      context_.err << '\r' << text << "\x1b[K" << std::flush;
      drawn_ = true;
    } else if (step_ != step) {
      context_.err << text << '\n' << std::flush;
    }
    step_ = step;
  }
  void Clear() {
    if (drawn_) context_.err << "\r\x1b[K" << std::flush;
    drawn_ = false;
  }

 private:
  CommandContext& context_;
  std::optional<std::string> step_;
  bool drawn_ = false;
};

}  // namespace echogw::ctl
