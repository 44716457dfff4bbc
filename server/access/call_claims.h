// What AdminAccess judges a call by, out of what gRPC knows of it. Any thread.
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

// The property of a connection that holds the user id at its other end. Set before its first call
// is let in, never changed.
inline constexpr char kUidProperty[] = "echogw_uid";

// A call as its processor sees it, before there is a handler. Without the user id.
struct IncomingCall {
  AdminAccess::Claims claims;
  std::string path;
};
[[nodiscard]] IncomingCall ReadCall(const grpc_auth_context* connection,
                                    const grpc_metadata* metadata, std::size_t count);

// The claims of a call that was let in, for its handler.
[[nodiscard]] AdminAccess::Claims ReadClaims(const grpc::ServerContextBase& context);

}  // namespace echogw::server
