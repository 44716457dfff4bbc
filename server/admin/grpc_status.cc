#include "server/admin/grpc_status.h"

#include <string>

#include "server/base/plain_text.h"

namespace echogw::server {

static_assert(static_cast<int>(absl::StatusCode::kInvalidArgument) == grpc::INVALID_ARGUMENT);
static_assert(static_cast<int>(absl::StatusCode::kNotFound) == grpc::NOT_FOUND);
static_assert(static_cast<int>(absl::StatusCode::kResourceExhausted) == grpc::RESOURCE_EXHAUSTED);
static_assert(static_cast<int>(absl::StatusCode::kFailedPrecondition) == grpc::FAILED_PRECONDITION);
static_assert(static_cast<int>(absl::StatusCode::kUnavailable) == grpc::UNAVAILABLE);

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  // Clients refuse trailers of more than 8 KiB; other characters than ASCII take three times as
  // many.
  constexpr std::size_t kMessageMax = 1024;
  return {static_cast<grpc::StatusCode>(status.code()),
          PlainText(std::string(status.message()), kMessageMax)};
}

}  // namespace echogw::server
