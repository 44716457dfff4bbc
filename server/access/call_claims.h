// Reads the credentials of a call from gRPC. Any thread.
#pragma once

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include <cstddef>
#include <string>

#include "server/access/admin_access.h"

namespace grpc {
class ServerContextBase;
}  // namespace grpc

namespace echogw::server {

// The property of a connection with the user id of its peer. Set before its first call is admitted,
// never changed.
inline constexpr char kUidProperty[] = "echogw_uid";

// A call as its processor sees it, before there is a handler. Without the user id.
struct IncomingCall {
  AdminAccess::Claims claims;
  std::string path;
};
[[nodiscard]] IncomingCall ReadCall(const grpc_auth_context* connection,
                                    const grpc_metadata* metadata, std::size_t count);

// "ipv4:127.0.0.1:4711", "ipv6:[::1]:4711" or "unix:".
[[nodiscard]] std::string DecodedPeer(const grpc::ServerContextBase& context);

// The claims of an admitted call, for its handler.
[[nodiscard]] AdminAccess::Claims ReadClaims(const grpc::ServerContextBase& context);

}  // namespace echogw::server
