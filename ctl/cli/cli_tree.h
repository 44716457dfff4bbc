// The definition of the command line: global options, verbs, their options and help. The parser,
// shell completion and the manual are all made from it. Not thread-safe.
#pragma once

#include <CLI/App.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ctl/base/command.h"
#include "ctl/base/duration.h"
#include "ctl/describe/model.h"
#include "ctl/gateway/access.h"

namespace echogw::ctl {

inline constexpr char kDefaultTarget[] = "127.0.0.1:7001";
inline constexpr Duration kDefaultTimeout = std::chrono::seconds(5);

class OptionSet;

class CliTree {
 public:
  // Values of the global options.
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
  // Of the verbs.
  [[nodiscard]] std::vector<std::string> names() const;
  // What shell completion and the manual are made from.
  [[nodiscard]] CliModel Describe() const;
  // The verb of a subcommand of app().
  [[nodiscard]] Command& CommandOf(const CLI::App* verb) const { return *command_of_.at(verb); }

 private:
  void AddGlobals();
  void AddAccess(OptionSet& options);
  void AddVerb(Command& command);

  const std::vector<std::unique_ptr<Command>>& commands_;
  CLI::App app_;
  Globals globals_;
  std::map<const CLI::App*, Command*> command_of_;
};

}  // namespace echogw::ctl
