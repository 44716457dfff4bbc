// How verbs put their results on the output stream. Call on the thread that runs the verb.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "ctl/base/command.h"
#include "ctl/output/document.h"

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace echogw::ctl {

// Writes a document, or in the format kTable what `print` writes. `one_of_many` writes it as a part
// of a stream: JSON on one line, YAML with "---" before it. Flushes; returns kOk.
ExitCode Emit(CommandContext& context, const std::function<Document()>& document,
              const std::function<void()>& print, bool one_of_many = false);
ExitCode Emit(CommandContext& context, const google::protobuf::Message& message,
              const std::function<void()>& print, bool one_of_many = false);

// A remark on the error stream, "echogwctl: TEXT".
void Remark(CommandContext& context, const std::string& text);

// Lines of "Title  value", values in one column. Pairs with an empty value are left out.
using Facts = std::vector<std::pair<std::string, std::string>>;
void PrintFacts(std::ostream& out, const Facts& facts);

// Draws frames over each other on a terminal, and with an empty line between elsewhere.
class Screen {
 public:
  explicit Screen(CommandContext& context) : context_(context) {}
  // Puts the terminal back as it was; the last frame stays.
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  void Draw(const std::string& frame);

 private:
  [[nodiscard]] bool Redraws() const { return context_.out_is_terminal && !context_.dumb_terminal; }

  CommandContext& context_;
  bool drawn_ = false;
};

}  // namespace echogw::ctl
