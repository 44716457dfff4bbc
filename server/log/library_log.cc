#include "server/log/library_log.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "reactor/base/mutex.h"

namespace echogw::server {
namespace {

// Libraries take a plain function, so the targets are global; the last one gets the lines. The
// mutex protects destruction: threads of gRPC may log after every server is gone.
Mutex targets_mutex;
std::vector<LogSink*>& Targets() {
  static auto* const targets = new std::vector<LogSink*>();
  return *targets;
}

void WriteLine(LogLevel level, const char* library, const std::string& line) {
  const MutexLock lock(targets_mutex);
  if (Targets().empty() || !Targets().back()->Enabled(level)) return;
  Targets().back()->Write(level, absl::StrCat(library, ": ", line));
}

void WriteGrpc(gpr_log_func_args* args) {
  LogLevel level = LogLevel::kWarning;
  if (args->severity == GPR_LOG_SEVERITY_DEBUG) level = LogLevel::kDebug;
  if (args->severity == GPR_LOG_SEVERITY_INFO) level = LogLevel::kInfo;
  WriteLine(level, "grpc", args->message);
}

void WriteProtobuf(google::protobuf::LogLevel from, const char* /*file*/, int /*line*/,
                   const std::string& message) {
  WriteLine(from == google::protobuf::LOGLEVEL_INFO ? LogLevel::kInfo : LogLevel::kWarning,
            "protobuf", message);
}

// libprotobuf reads its handler without a lock: it is set once, before a server starts.
void Redirect() {
  static const bool done = [] {
    gpr_set_log_function(WriteGrpc);
    google::protobuf::SetLogHandler(WriteProtobuf);
    return true;
  }();
  static_cast<void>(done);
}

}  // namespace

LibraryLogRedirect::LibraryLogRedirect(LogSink& sink) : sink_(sink) {
  Redirect();
  const MutexLock lock(targets_mutex);
  Targets().push_back(&sink_);
}

LibraryLogRedirect::~LibraryLogRedirect() {
  const MutexLock lock(targets_mutex);
  std::erase(Targets(), &sink_);
}

}  // namespace echogw::server
