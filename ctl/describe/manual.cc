#include "ctl/describe/manual.h"

#include <cctype>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "ctl/describe/fill.h"

namespace echogw::ctl {
namespace {

constexpr std::size_t kLine = 78;

// Running text: no character of it means anything to roff.
std::string Escaped(std::string_view text) {
  return absl::StrReplaceAll(absl::string_view(text.data(), text.size()), {{"\\", "\\e"},
                                                                           {"-", "\\-"},
                                                                           {"'", "\\(aq"},
                                                                           {"`", "\\(ga"},
                                                                           {"^", "\\(ha"},
                                                                           {"~", "\\(ti"}});
}

// A line that begins with a control character would be a request.
std::string Protected(const std::string& line) {
  return !line.empty() && (line[0] == '.' || line[0] == '\'') ? "\\&" + line : line;
}

// Lines of text. Each sentence begins a line, so that roff sees where it ends.
std::string Text(std::string_view text) {
  std::string lines;
  std::string filled;
  for (const absl::string_view sentence :
       absl::StrSplit(absl::StrReplaceAll(Escaped(text), {{". ", ".\n"}}), '\n')) {
    filled += Fill(std::string(sentence), kLine, "", "");
  }
  for (const absl::string_view line : absl::StrSplit(filled, '\n', absl::SkipEmpty())) {
    absl::StrAppend(&lines, Protected(std::string(line)), "\n");
  }
  return lines;
}

// An argument of a macro: \& keeps words such as "Ar" and marks such as "|" from being understood.
std::string Word(const std::string& text) { return "\\&" + Escaped(text); }

std::string Flags(const CliOption& option, const char* between) {
  return absl::StrJoin(option.Spellings(), between, [](std::string* out, const std::string& each) {
    absl::StrAppend(out, "Fl ", Escaped(each.substr(1)));
  });
}

std::string Value(const CliOption& option) {
  if (option.value.empty()) return "";
  return option.value_optional ? " Op Ar " + Word(option.value) : " Ar " + Word(option.value);
}

void AppendOptions(const std::vector<CliOption>& options, std::string& page) {
  absl::StrAppend(&page, ".Bl -tag -width Ds\n");
  for (const CliOption& option : options) {
    absl::StrAppend(&page, ".It ",
                    option.argument.empty() ? Flags(option, " , ") + Value(option)
                                            : "Ar " + Word(option.argument),
                    "\n", Text(option.help + "."));
    if (!option.environment.empty()) {
      absl::StrAppend(&page, "If not given, the environment variable\n.Ev ", option.environment,
                      "\nis used.\n");
    }
  }
  absl::StrAppend(&page, ".El\n");
}

void AppendParagraphs(const std::vector<std::string>& paragraphs, std::string& page) {
  for (const std::string& paragraph : paragraphs) {
    absl::StrAppend(&page, ".Pp\n", Text(paragraph));
  }
}

void AppendExamples(const std::vector<std::string>& examples, std::string& page) {
  absl::StrAppend(&page, ".Sh EXAMPLES\n.Bd -literal\n");
  for (const std::string& line : examples) {
    absl::StrAppend(&page, Protected(Escaped(line)), "\n");
  }
  absl::StrAppend(&page, ".Ed\n");
}

void AppendExitCodes(const std::vector<ExitMeaning>& codes, std::string& page) {
  absl::StrAppend(&page, ".Sh EXIT STATUS\n.Bl -tag -width Ds\n");
  for (const auto& [code, meaning] : codes) {
    std::string sentence(meaning);
    sentence[0] = absl::ascii_toupper(static_cast<unsigned char>(sentence[0]));
    absl::StrAppend(&page, ".It ", code, "\n", Text(sentence + "."));
  }
  absl::StrAppend(&page, ".El\n");
}

// `synopsis` is what stands behind the name.
std::string Head(const CliModel& model, const std::string& page_name, const std::string& summary,
                 const std::string& synopsis, const std::string& date) {
  const std::string title = absl::AsciiStrToUpper(page_name);
  // The full stop that ends a sentence does not belong into an index of one-liners.
  const std::string one_line(absl::StripSuffix(summary, "."));
  return absl::StrCat(".\\\" Made by '", model.name, " man'.\n.Dd ", date, "\n.Dt ", title,
                      " 1\n.Os echogw ", model.version, "\n.Sh NAME\n.Nm ", Escaped(page_name),
                      "\n.Nd ", Escaped(one_line), "\n.Sh SYNOPSIS\n.Nm ", synopsis,
                      ".Sh DESCRIPTION\n");
}

std::string Synopsis(const CliModel& model, const CliVerb& verb) {
  std::string text = absl::StrCat(model.name, " ", Escaped(verb.name), "\n");
  for (const CliOption& option : verb.options) {
    if (option.long_name == "help") continue;
    absl::StrAppend(&text, option.required ? "." : ".Op ", Flags(option, " | "), Value(option),
                    "\n");
  }
  for (const CliOption& argument : verb.arguments) {
    absl::StrAppend(&text, argument.required ? ".Ar " : ".Op Ar ", Word(argument.argument),
                    argument.repeatable ? " ..." : "", "\n");
  }
  return text;
}

}  // namespace

std::string ManualName(const CliModel& model) { return model.name; }

std::string ManualName(const CliModel& model, const CliVerb& verb) {
  return absl::StrCat(model.name, "-", verb.name);
}

std::string ManualPage(const CliModel& model, const std::string& date) {
  std::string page = Head(model, ManualName(model), model.summary,
                          absl::StrCat(model.name, "\n.Op Ar options\n.Ar command ...\n"), date);
  absl::StrAppend(&page, Text(model.summary));
  AppendParagraphs(model.paragraphs, page);
  absl::StrAppend(&page, ".Sh COMMANDS\nEach has its own page.\n.Bl -tag -width Ds\n");
  for (const CliVerb& verb : model.verbs) {
    absl::StrAppend(&page, ".It Xr ", Escaped(ManualName(model, verb)), " 1\n",
                    Text(verb.summary + "."));
  }
  absl::StrAppend(&page, ".El\n.Sh OPTIONS\nThese may be given before or after the command.\n");
  AppendOptions(model.options, page);
  absl::StrAppend(&page, ".Sh ENVIRONMENT\n.Bl -tag -width Ds\n");
  for (const CliOption& option : model.options) {
    if (option.environment.empty()) continue;
    absl::StrAppend(&page, ".It Ev ", option.environment, "\nDefault of\n.Fl \\-",
                    Escaped(option.long_name), ".\n");
  }
  absl::StrAppend(
      &page,
      ".It Ev ECHOGW_TOKEN\nThe bearer token, if no file is given.\n"
      ".It Ev NO_COLOR\nIf set, no colour is used.\n"
      ".It Ev GRPC_VERBOSITY\nIf set, gRPC writes its own log lines to standard error.\n.El\n");
  AppendExitCodes(model.exit_codes, page);
  AppendExamples(model.examples, page);
  return page;
}

std::string ManualPage(const CliModel& model, const CliVerb& verb, const std::string& date) {
  std::string page =
      Head(model, ManualName(model, verb), verb.summary, Synopsis(model, verb), date);
  absl::StrAppend(&page, Text(verb.summary + "."));
  AppendParagraphs(verb.paragraphs, page);
  if (!verb.arguments.empty()) {
    absl::StrAppend(&page, ".Sh ARGUMENTS\n");
    AppendOptions(verb.arguments, page);
  }
  absl::StrAppend(&page, ".Sh OPTIONS\nThe options of\n.Xr ", model.name, " 1 ,\nand:\n");
  AppendOptions(verb.options, page);
  AppendExitCodes(verb.exit_codes, page);
  AppendExamples(verb.examples, page);
  absl::StrAppend(&page, ".Sh SEE ALSO\n.Xr ", model.name, " 1\n");
  return page;
}

}  // namespace echogw::ctl
