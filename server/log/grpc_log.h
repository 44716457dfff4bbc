// Redirects gRPC's log lines to the log, from any thread, while a gRPC server lives.
#pragma once

#include "reactor/base/log_sink.h"

namespace echogw::server {

// From construction to destruction gRPC logs to `sink`; its errors become warnings, because each
// concerns one call or connection. The newest of several objects gets the lines.
class GrpcLogRedirect {
 public:
  explicit GrpcLogRedirect(LogSink& sink);
  GrpcLogRedirect(const GrpcLogRedirect&) = delete;
  GrpcLogRedirect& operator=(const GrpcLogRedirect&) = delete;
  ~GrpcLogRedirect();

 private:
  LogSink& sink_;
};

}  // namespace echogw::server
