#include "server/grpc_log.h"

#include <grpc/support/log.h>

#include <mutex>
#include <string>

#include "absl/strings/str_cat.h"
#include "reactor/check.h"

namespace echogw {
namespace {

// gRPC takes a plain function, so its target is a global. The mutex makes the end safe: gRPC keeps
// threads that may log after every server is gone.
std::mutex target_mutex;
LogSink* target = nullptr;

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
  const std::lock_guard lock(target_mutex);
  const LogLevel level = Level(args->severity);
  if (target == nullptr || !target->Enabled(level)) return;
  target->Write(level, absl::StrCat("grpc: ", args->message));
}

}  // namespace

GrpcLogRedirect::GrpcLogRedirect(LogSink& sink) {
  {
    const std::lock_guard lock(target_mutex);
    CHECK(target == nullptr);
    target = &sink;
  }
  gpr_set_log_function(WriteLine);
}

GrpcLogRedirect::~GrpcLogRedirect() {
  gpr_set_log_function(nullptr);
  const std::lock_guard lock(target_mutex);
  target = nullptr;
}

}  // namespace echogw
