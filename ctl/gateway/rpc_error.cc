#include "ctl/gateway/rpc_error.h"

#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "ctl/base/duration.h"
#include "ctl/base/interrupt.h"
#include "ctl/gateway/client.h"

namespace echogw::ctl {
namespace {

// gRPC says "failed to connect to all addresses; last error: UNKNOWN: ADDRESS: Failed to connect
// to remote host: Connection refused"; people need the last part of it. OpenSSL's is
// "error:0A000086:SSL routines::certificate verify failed".
std::string ConnectReason(const std::string& message) {
  const std::size_t colon = message.rfind(": ");
  std::string reason = colon == std::string::npos ? message : message.substr(colon + 2);
  if (absl::StartsWith(reason, "error:")) reason.erase(0, reason.rfind(':') + 1);
  if (!reason.empty() && reason[0] >= 'A' && reason[0] <= 'Z') {
    reason[0] = static_cast<char>(reason[0] - 'A' + 'a');
  }
  return reason;
}

// What to do about a failed connection.
std::string ConnectHint(const std::string& reason, const Access& access) {
  if (absl::StrContains(reason, "certificate verify failed")) {
    return "pass the CA of the gateway's certificate with --ca-cert";
  }
  if (absl::StrContains(reason, "peer certificate")) {
    return "pass the name in its certificate with --server-name";
  }
  if (reason == "wrong version number" || reason == "unexpected message") {
    return "it does not speak TLS";
  }
  if (reason == "socket closed") {
    return access.tls ? "does it require a client certificate (--client-cert, --client-key)?"
                      : "does it require TLS (--tls, --ca-cert)?";
  }
  return "is echogw running with --admin there?";
}

std::string Unavailable(const std::string& message, const std::string& target,
                        const Access& access) {
  if (absl::StrContains(message, "DNS resolution failed") || absl::StrContains(message, "C-ares")) {
    return absl::StrCat("cannot reach ", target,
                        " (unknown host name); check --target or ECHOGW_TARGET");
  }
  if (absl::StrContains(message, "parsing HTTP/2")) {
    return absl::StrCat(
        target, " answers, but is not an admin port; is it the client or the metrics port?");
  }
  if (absl::StrContains(message, "failed to connect") ||
      absl::StrContains(message, "Failed to connect")) {
    const std::string reason = ConnectReason(message);
    return absl::StrCat("cannot reach ", target, " (", reason, "); ", ConnectHint(reason, access));
  }
  return absl::StrCat(target, " closed the connection (", message,
                      "); the gateway may be stopping or require TLS (--tls, --ca-cert), or this "
                      "is not its admin port");
}

}  // namespace

RpcError DescribeRpcError(const grpc::Status& status, const Client& client) {
  const std::string& target = client.target();
  const std::string& said = status.error_message();
  // gRPC's only hint that it could not create credentials from the files.
  if (client.access().tls && absl::StrContains(said, "empty address list")) {
    return {ExitCode::kUsage,
            "cannot use the files of --ca-cert, --client-cert and --client-key; are they what the "
            "options say, and do certificate and key match?"};
  }
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
      return {ExitCode::kUnreachable, Unavailable(said, target, client.access())};
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return {
          ExitCode::kUnreachable,
          absl::StrCat("no response from ", target, " within ", FormatDuration(client.timeout()),
                       "; raise --timeout, or check whether the gateway hangs")};
    case grpc::StatusCode::CANCELLED:
      return {ExitCode::kUnreachable,
              absl::StrCat(target, " cancelled the call; the gateway may be stopping")};
    case grpc::StatusCode::UNIMPLEMENTED:
      return {
          ExitCode::kRefused,
          absl::StrCat(target,
                       " does not support this call; compare versions with 'echogwctl version'")};
    case grpc::StatusCode::UNAUTHENTICATED:
      return {ExitCode::kRefused, absl::StrCat(target, " denied access: ", said,
                                               "; see --token-file and --client-cert")};
    case grpc::StatusCode::PERMISSION_DENIED:
      return {ExitCode::kRefused, absl::StrCat(target, " denied access: ", said)};
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::FAILED_PRECONDITION:
    case grpc::StatusCode::NOT_FOUND:
      return {ExitCode::kRefused, absl::StrCat("refused: ", said)};
    default:
      return {ExitCode::kRefused, absl::StrCat("the call to ", target, " failed with code ",
                                               static_cast<int>(status.error_code()), ": ", said)};
  }
}

ExitCode FailRpc(CommandContext& context, const grpc::Status& status) {
  const RpcError error = DescribeRpcError(status, context.client);
  return Fail(context, error.code, error.message);
}

ExitCode EndOfStream(CommandContext& context, const grpc::Status& status) {
  // The output failed; main reports it unless the pipe was just closed.
  if (context.interrupt.requested() || !context.out) return ExitCode::kOk;
  if (!status.ok()) return FailRpc(context, status);
  return Fail(context, ExitCode::kUnreachable,
              absl::StrCat(context.client.target(), " ended the stream; the gateway is stopping"));
}

}  // namespace echogw::ctl
