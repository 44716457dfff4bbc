#include "server/log/grpc_log.h"

#include <grpc/support/log.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "reactor/base/mutex.h"

namespace echogw::server {
namespace {

// gRPC takes a plain function, so the targets are global; the last one gets the lines. The mutex
// protects destruction: threads of gRPC may log after every server is gone.
Mutex targets_mutex;
std::vector<LogSink*>& Targets() {
  static auto* const targets = new std::vector<LogSink*>();
  return *targets;
}

LogLevel Level(gpr_log_severity severity) {
  switch (severity) {
    case GPR_LOG_SEVERITY_DEBUG:
      return LogLevel::kDebug;
    case GPR_LOG_SEVERITY_INFO:
      return LogLevel::kInfo;
    case GPR_LOG_SEVERITY_ERROR:
      break;
  }
  return LogLevel::kWarning;
}

void WriteLine(gpr_log_func_args* args) {
  const MutexLock lock(targets_mutex);
  const LogLevel level = Level(args->severity);
  if (Targets().empty() || !Targets().back()->Enabled(level)) return;
  Targets().back()->Write(level, absl::StrCat("grpc: ", args->message));
}

}  // namespace

GrpcLogRedirect::GrpcLogRedirect(LogSink& sink) : sink_(sink) {
  const MutexLock lock(targets_mutex);
  Targets().push_back(&sink_);
  gpr_set_log_function(WriteLine);
}

GrpcLogRedirect::~GrpcLogRedirect() {
  const MutexLock lock(targets_mutex);
  std::erase(Targets(), &sink_);
  if (Targets().empty()) gpr_set_log_function(nullptr);
}

}  // namespace echogw::server
