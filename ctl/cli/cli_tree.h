// The definition tree of the command line: the global options, the verbs and their options, and the
// help that they print. What parses, what completes in a shell and what the manual says all come
// from it. Only cli.cc, cli_tree.cc and describe/model.cc see CLI11 through it. Not thread-safe.
#pragma once

#include <CLI/App.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ctl/cli/command.h"
#include "ctl/cli/duration.h"
#include "ctl/gateway/access.h"

namespace echogw::ctl {

inline constexpr char kDefaultTarget[] = "127.0.0.1:7001";
inline constexpr Duration kDefaultTimeout = std::chrono::seconds(5);

// What the program as a whole says of itself, in the form of CommandHelp.
extern const char kProgramExamples[];
extern const char kProgramDetails[];

class OptionSet;

class CliTree {
 public:
  // Where the global options land.
  struct Globals {
    std::string format = "table";
    std::string target = kDefaultTarget;
    Duration timeout = kDefaultTimeout;
    AccessOptions access;
  };

  // `commands` outlive the tree, which writes into them when it parses.
  explicit CliTree(const std::vector<std::unique_ptr<Command>>& commands);
  CliTree(const CliTree&) = delete;
  CliTree& operator=(const CliTree&) = delete;

  [[nodiscard]] CLI::App& app() { return app_; }
  [[nodiscard]] const Globals& globals() const { return globals_; }
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  // The verb of a subcommand of app().
  [[nodiscard]] Command& CommandOf(const CLI::App* verb) const { return *command_of_.at(verb); }

 private:
  void AddGlobals();
  void AddAccess(OptionSet& options);
  void AddVerb(Command& command);

  CLI::App app_;
  Globals globals_;
  std::vector<std::string> names_;
  std::map<const CLI::App*, Command*> command_of_;
};

}  // namespace echogw::ctl
