#include "ctl/output/emit.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "ctl/base/printable.h"
#include "ctl/output/proto_document.h"
#include "ctl/output/table.h"

namespace echogw::ctl {
namespace {

// Cursor to the top left; clear to the end of the line, and of the screen; wrap long lines or cut.
constexpr std::string_view kHome = "\x1b[H";
constexpr std::string_view kClearLine = "\x1b[K";
constexpr std::string_view kClearBelow = "\x1b[J";
constexpr std::string_view kClearAll = "\x1b[2J";
constexpr std::string_view kWrapOff = "\x1b[?7l";
constexpr std::string_view kWrapOn = "\x1b[?7h";

// Height of the terminal; 0 if unknown.
std::size_t TerminalLines() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_row : 0;
}

}  // namespace

ExitCode Emit(CommandContext& context, const std::function<Document()>& document,
              const std::function<void()>& print, bool one_of_many) {
  if (context.format == OutputFormat::kTable) {
    print();
  } else if (context.format == OutputFormat::kYaml) {
    if (one_of_many) context.out << "---\n";
    document().WriteYaml(context.out);
  } else {
    document().WriteJson(context.out, !one_of_many);
    context.out << '\n';
  }
  context.out.flush();
  return ExitCode::kOk;
}

ExitCode Emit(CommandContext& context, const google::protobuf::Message& message,
              const std::function<void()>& print, bool one_of_many) {
  return Emit(
      context, [&] { return ToDocument(message); }, print, one_of_many);
}

void Remark(CommandContext& context, const std::string& text) {
  context.err << "echogwctl: " << text << '\n' << std::flush;
}

void PrintFacts(std::ostream& out, const Facts& facts) {
  std::size_t width = 0;
  for (const auto& [title, value] : facts) {
    if (!value.empty()) width = std::max(width, DisplayWidth(title));
  }
  for (const auto& [title, value] : facts) {
    if (value.empty()) continue;
    out << title << std::string(width - DisplayWidth(title) + 2, ' ') << Printable(value) << '\n';
  }
}

Screen::~Screen() {
  // The line end separates the terminal's "^C" from what follows.
  if (drawn_ && Redraws()) context_.out << kWrapOn << '\n' << std::flush;
}

void Screen::Draw(const std::string& frame) {
  std::ostream& out = context_.out;
  if (!Redraws()) {
    out << (drawn_ ? "\n" : "") << frame << std::flush;
    drawn_ = true;
    return;
  }
  if (!drawn_) out << kClearAll;
  out << kHome << kWrapOff;
  drawn_ = true;
  // The last line of the terminal stays free, so that nothing scrolls.
  const std::size_t room = TerminalLines();
  std::string_view rest = frame;
  for (std::size_t line = 0; !rest.empty() && (room == 0 || line + 1 < room); ++line) {
    const std::size_t end = rest.find('\n');
    out << rest.substr(0, end) << kClearLine << '\n';
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  out << kClearBelow << std::flush;
}

}  // namespace echogw::ctl
