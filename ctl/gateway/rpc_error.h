// The only place that maps a gRPC status to an exit code and an error line.
#pragma once

#include <grpcpp/support/status.h>

#include <string>

#include "ctl/base/command.h"
#include "ctl/base/exit_code.h"

namespace echogw::ctl {

struct RpcError {
  ExitCode code = ExitCode::kRefused;
  std::string message;
};

// `status` is not OK. `target` and `timeout` are those of the client.
RpcError DescribeRpcError(const grpc::Status& status, const Client& client);

// Describes `status` on the error stream and returns the exit code for it.
ExitCode FailRpc(CommandContext& context, const grpc::Status& status);

// The exit code of a lasting stream that ended with `status`: kOk if Ctrl-C or the reader of our
// output ended it, else a failure that is described on the error stream.
ExitCode EndOfStream(CommandContext& context, const grpc::Status& status);

}  // namespace echogw::ctl
