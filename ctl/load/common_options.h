// The options that bench and soak share: where to connect to, from where, and on which CPUs.
// Owned by the command; used on its thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "ctl/cli/command.h"
#include "ctl/cli/option_set.h"
#include "ctl/engine/error_log.h"
#include "ctl/engine/load_target.h"
#include "ctl/engine/options.h"
#include "ctl/engine/udp_options.h"

namespace echogw::ctl::load {

class CommonLoadOptions {
 public:
  // Declares HOST:PORT and the options.
  void AddTo(OptionSet& options);

  // Resolves the target, makes room for `connections` open files, and fills target, sources, CPUs,
  // timeouts and seed of `load`. INVALID_ARGUMENT for what the user has to write differently,
  // RESOURCE_EXHAUSTED for a limit of this machine, UNAVAILABLE when the target has no address or
  // none of several that answers.
  [[nodiscard]] absl::Status Prepare(std::uint64_t connections, LoadOptions* load) const;

  // The same for a load of datagrams.
  [[nodiscard]] absl::Status Prepare(std::uint64_t sockets, UdpLoadOptions* load) const;

  // The target as it was written.
  [[nodiscard]] const std::string& target() const { return target_; }

 private:
  std::string target_;
  HostPort where_;
  std::vector<int> cpus_;
  std::uint64_t source_addresses_ = 1;
  std::uint64_t seed_ = 1;
  bool tls_ = false;
  std::string tls_ca_;
  bool tls_insecure_ = false;
  bool banner_ = false;
  Duration connect_timeout_ = std::chrono::seconds(5);
  Duration stall_timeout_ = std::chrono::seconds(10);
};

// Writes what is wrong on the error stream and returns the exit code for it: usage for
// INVALID_ARGUMENT, unreachable for UNAVAILABLE, refused for the rest.
[[nodiscard]] ExitCode FailLoad(CommandContext& context, const absl::Status& status);

// The endpoint let nobody in: writes the first reason on the error stream.
[[nodiscard]] ExitCode FailToConnect(CommandContext& context, const std::string& endpoint,
                                     const ErrorLog& errors);

}  // namespace echogw::ctl::load
