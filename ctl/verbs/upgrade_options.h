// What upgrade and reload have in common.
#pragma once

#include <optional>
#include <string>

#include "ctl/base/duration.h"
#include "ctl/cli/option_set.h"
#include "ctl/output/proto_document.h"
#include "ctl/verbs/shared_options.h"
#include "echogw/admin/v1/admin.pb.h"

namespace echogw::ctl {

struct UpgradeOptions {
  std::string config;
  std::optional<Duration> deadline;
  std::optional<Duration> linger;
  bool in_place = false;
  bool dry_run = false;
  bool wait = false;
};

inline void AddUpgrade(OptionSet& options, UpgradeOptions* upgrade) {
  options.Text("--config", &upgrade->config,
               "Configuration file of the new process, an absolute path on the gateway's machine "
               "(as the gateway was started)");
  AddDeadline(options, &upgrade->deadline, "Time limit for the new process to start (30s)");
  options.Time("--linger", &upgrade->linger,
               "How long connections that cannot move stay with the old process (10m)");
  options.Flag("--in-place", &upgrade->in_place,
               "Keep the process id: the gateway executes the binary itself, after another process "
               "has tried it. Connections that cannot move are closed. Always so for PID 1");
  AddDryRun(options, &upgrade->dry_run);
  AddWait(options, &upgrade->wait);
}

inline admin::v1::UpgradeRequest ToRequest(const UpgradeOptions& from) {
  admin::v1::UpgradeRequest to;
  to.set_config(from.config);
  if (from.deadline) ToProto(*from.deadline, to.mutable_deadline());
  if (from.linger) ToProto(*from.linger, to.mutable_linger());
  to.set_dry_run(from.dry_run);
  to.set_in_place(from.in_place);
  return to;
}

}  // namespace echogw::ctl
