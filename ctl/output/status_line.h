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
  void Show(const std::string& text, const std::string& step);
  void Clear();

 private:
  CommandContext& context_;
  std::optional<std::string> step_;
  bool drawn_ = false;
};

}  // namespace echogw::ctl
