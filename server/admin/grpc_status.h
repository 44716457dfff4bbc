// Maps absl::Status to grpc::Status. Any thread.
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace echogw::server {

// Both use the same numbers for codes. The message may quote the request: it is escaped and cut.
[[nodiscard]] grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace echogw::server
