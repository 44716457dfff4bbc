// One verb of echogwctl: a class in its own file, listed in cli/verbs.inc. It uses only its
// context, so that tests need neither a terminal nor a process.
#pragma once

#include <functional>
#include <istream>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/base/exit_code.h"

namespace echogw::ctl {

class Client;
class Interrupt;
class OptionSet;
struct CliModel;

enum class OutputFormat { kTable, kJson, kYaml };

// Streams and terminals of the process; tests use their own.
struct CliEnvironment {
  // Data only: it may be a pipe or a file.
  std::ostream& out;
  // Progress and errors, in every format.
  std::ostream& err;
  Interrupt& interrupt;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  // TERM is dumb: no cursor movement.
  bool dumb_terminal = false;
  // Only ever true together with out_is_terminal.
  bool colour = false;
  // Where a question on the error stream gets its answer; null if there is none.
  std::istream* in = nullptr;
  bool in_is_terminal = false;
};

// What a verb is given. Everything outlives Run().
struct CommandContext : CliEnvironment {
  // Connects at its first use.
  Client& client;
  OutputFormat format = OutputFormat::kTable;
  // Describes the whole command line, for the verbs that print it.
  std::function<CliModel()> describe;
};

// What an exit code of one verb means; no full stop.
struct ExitMeaning {
  int code = 0;
  // Empty: the verb never ends with this code.
  std::string_view meaning;
};

struct CommandHelp {
  std::string_view name;
  // One line for the list of verbs, no full stop.
  std::string_view summary;
  // Lines of "  echogwctl ...", with remarks after "  # ".
  std::string_view examples;
  // Paragraphs without line ends, separated by an empty line.
  std::string_view details = {};
  // Only codes whose meaning differs from the usual one: see CommonExitCodes().
  std::vector<ExitMeaning> exit_codes = {};
};

class Command {
 public:
  virtual ~Command() = default;

  [[nodiscard]] virtual CommandHelp Help() const = 0;
  // Declares options and arguments; their values land in members before Run. Called once.
  virtual void AddOptions(OptionSet& /*options*/) {}
  // After a parse without errors: whether Run uses the client. If not, access options are ignored.
  [[nodiscard]] virtual bool CallsGateway() const { return true; }
  // Called at most once, after a parse without errors. Blocks until the verb is done.
  [[nodiscard]] virtual ExitCode Run(CommandContext& context) = 0;
};

// Writes "echogwctl: MESSAGE" to the error stream and returns `code`, so that a verb can end with
// `return Fail(context, ExitCode::kUsage, "...")`. The message is one line that says what to do.
ExitCode Fail(CommandContext& context, ExitCode code, std::string_view message);

}  // namespace echogw::ctl
