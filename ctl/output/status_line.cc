#include "ctl/output/status_line.h"

namespace echogw::ctl {

void StatusLine::Show(const std::string& text, const std::string& step) {
  if (context_.err_is_terminal && !context_.dumb_terminal) {
    // Back to the start of the line, and clear what is right of the new text.
    context_.err << '\r' << text << "\x1b[K" << std::flush;
    drawn_ = true;
  } else if (step_ != step) {
    context_.err << text << '\n' << std::flush;
  }
  step_ = step;
}

void StatusLine::Clear() {
  if (drawn_) context_.err << "\r\x1b[K" << std::flush;
  drawn_ = false;
}

}  // namespace echogw::ctl
