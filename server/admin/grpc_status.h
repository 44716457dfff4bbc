// The one mapping from absl::Status to grpc::Status. Any thread.
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace echogw::server {

// The codes of both are the same numbers.
[[nodiscard]] grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace echogw::server
