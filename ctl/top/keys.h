// A key as the view of `top` knows it, whatever the terminal sends for it. A value.
#pragma once

namespace echogw::ctl::top {

struct Key {
  enum class Code {
    kChar,
    kUp,
    kDown,
    kLeft,
    kRight,
    kPageUp,
    kPageDown,
    kHome,
    kEnd,
    kEnter,
    kEscape,
    kBackspace,
  };
  Code code = Code::kChar;
  // Of kChar: printable ASCII; otherwise 0.
  char letter = 0;
};

}  // namespace echogw::ctl::top
