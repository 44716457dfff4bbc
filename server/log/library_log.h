// Redirects what libraries log by themselves, gRPC and libprotobuf, to the log. They would write to
// standard error and wait for whoever reads it. Owned by the gateway for as long as a gRPC server
// lives. Libraries log from any thread.
#pragma once

#include "reactor/base/log_sink.h"

namespace echogw::server {

// From construction to destruction libraries log to `sink`; their errors become warnings, because
// each concerns one call or connection. The newest of several objects gets the lines; lines without
// one are dropped.
class LibraryLogRedirect {
 public:
  explicit LibraryLogRedirect(LogSink& sink);
  LibraryLogRedirect(const LibraryLogRedirect&) = delete;
  LibraryLogRedirect& operator=(const LibraryLogRedirect&) = delete;
  ~LibraryLogRedirect();

 private:
  LogSink& sink_;
};

}  // namespace echogw::server
