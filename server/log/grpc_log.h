// gRPC's own log lines, in ours. The gateway owns it and keeps it while any server lives. gRPC logs
// from any thread.
#pragma once

#include "reactor/base/log_sink.h"

namespace echogw::server {

// From construction to destruction gRPC logs to `sink`, with its errors as warnings: each concerns
// one call or connection. Of several objects the newest gets the lines.
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
