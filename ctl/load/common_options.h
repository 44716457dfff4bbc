// The options that bench and soak share. Owned by the command; used on its thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "ctl/base/command.h"
#include "ctl/cli/option_set.h"
#include "ctl/engine/error_log.h"
#include "ctl/engine/load_target.h"
#include "ctl/engine/options.h"

namespace echogw::ctl::load {

class CommonLoadOptions {
 public:
  // Declares HOST:PORT and the options.
  void AddTo(OptionSet& options);

  // Resolves the target, makes room for load->connections open files, and sets what the options
  // say. INVALID_ARGUMENT for what the user has to write differently, RESOURCE_EXHAUSTED for a
  // limit of this machine, UNAVAILABLE when the target has no address, or several and none answers.
  [[nodiscard]] absl::Status Prepare(LoadOptions* load) const;
  [[nodiscard]] absl::Status Prepare(UdpLoadOptions* load) const;

  // The target as it was written.
  [[nodiscard]] const std::string& target() const { return target_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] std::uint64_t threads() const { return threads_; }
  // INVALID_ARGUMENT when there are more threads than `clients` of the option `name`.
  [[nodiscard]] absl::Status CheckThreads(std::uint64_t clients, const char* name) const;
  // Whether a line of progress a second is wanted.
  [[nodiscard]] bool ShowsProgress(const CommandContext& context) const {
    return progress_ || context.err_is_terminal;
  }

 private:
  [[nodiscard]] absl::Status PrepareBasics(int type, LoadBasics* load) const;

  std::string target_;
  HostPort where_;
  std::uint64_t size_ = 64;
  std::uint64_t threads_ = 1;
  std::vector<int> cpus_;
  std::uint64_t source_addresses_ = 1;
  std::uint64_t seed_ = 1;
  bool tls_ = false;
  std::string tls_ca_;
  bool tls_insecure_ = false;
  bool banner_ = false;
  bool progress_ = false;
  Duration connect_timeout_ = std::chrono::seconds(5);
  Duration stall_timeout_ = std::chrono::seconds(10);
};

// Writes the error and returns its exit code: usage, unreachable or refused.
[[nodiscard]] ExitCode FailLoad(CommandContext& context, const absl::Status& status);

// No connection could be made: writes the first reason.
[[nodiscard]] ExitCode FailToConnect(CommandContext& context, const std::string& endpoint,
                                     const ErrorLog& errors);

}  // namespace echogw::ctl::load
