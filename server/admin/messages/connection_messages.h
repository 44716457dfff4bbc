// Messages about single connections to domain values and back. Pure functions.
#pragma once

#include "absl/status/statusor.h"
#include "echogw/admin/v1/admin.pb.h"
#include "server/pool/connection_control.h"

namespace echogw::server {

namespace pb = admin::v1;

inline constexpr std::uint32_t kConnectionPageMax = 10000;
inline constexpr std::uint32_t kConnectionPageDefault = 100;
inline constexpr int kCloseIdsMax = 10000;

// InvalidArgument with the name of the field.
[[nodiscard]] absl::StatusOr<ConnectionFilter> FromProto(const pb::ConnectionFilter& from);
[[nodiscard]] absl::StatusOr<ConnectionQuery> FromProto(const pb::ListConnectionsRequest& from);
[[nodiscard]] absl::StatusOr<CloseRequest> FromProto(const pb::CloseConnectionsRequest& from);

void ToProto(const ConnectionInfo& from, pb::Connection& to);
void ToProto(const TcpInfo& from, pb::TcpInfo& to);
void ToProto(const ConnectionPage& from, pb::ListConnectionsResponse& to);
void ToProto(const WatchedConnectionEvent& from, pb::ConnectionEvent& to);

}  // namespace echogw::server
