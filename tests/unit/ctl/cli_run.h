// Runs a command line in this process and keeps what it wrote.
#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "ctl/base/interrupt.h"
#include "ctl/cli/cli.h"

namespace echogw::ctl {

struct CliRun {
  int code = -1;
  std::string out;
  std::string err;
};

struct CliTerminal {
  bool out = false;
  bool err = false;
  bool colour = false;
  bool in = false;
  bool dumb = false;
  // What the user types.
  std::string typed = "";
};

// `interrupt` may be null.
CliRun RunWith(std::vector<std::string> arguments, CliTerminal terminal, Interrupt* interrupt);

// As above, with `--target` before the given arguments and no terminal.
CliRun RunAt(const std::string& target, std::vector<std::string> arguments);

// Without a target: for command lines that are refused.
CliRun RunNowhere(std::vector<std::string> arguments);

// Keeps what is written, and interrupts when the first of it is flushed: progress, or a frame.
class InterruptingBuffer : public std::stringbuf {
 public:
  explicit InterruptingBuffer(Interrupt& interrupt) : interrupt_(interrupt) {}
  int sync() override {
    interrupt_.Trigger();
    return 0;
  }

 private:
  Interrupt& interrupt_;
};

}  // namespace echogw::ctl
