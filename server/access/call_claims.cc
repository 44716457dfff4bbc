#include "server/access/call_claims.h"

#include <grpc/grpc_security_constants.h>
#include <grpc/slice.h>
#include <grpcpp/security/auth_context.h>
#include <grpcpp/server_context.h>

#include <memory>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_replace.h"

namespace echogw::server {
namespace {

constexpr std::string_view kAuthorization = "authorization";

std::string_view View(const grpc_slice& slice) {
  const void* begin = GRPC_SLICE_START_PTR(slice);
  return {static_cast<const char*>(begin), GRPC_SLICE_LENGTH(slice)};
}

std::vector<std::string> PropertyValues(const grpc_auth_context* connection, const char* property) {
  std::vector<std::string> values;
  auto it = ::grpc_auth_context_find_properties_by_name(connection, property);
  while (const grpc_auth_property* found = ::grpc_auth_property_iterator_next(&it)) {
    values.emplace_back(found->value, found->value_length);
  }
  return values;
}

std::vector<std::string> PropertyValues(const grpc::AuthContext& connection, const char* property) {
  std::vector<std::string> values;
  for (const grpc::string_ref& value : connection.FindPropertyValues(property)) {
    values.emplace_back(value.data(), value.size());
  }
  return values;
}

// The common name counts only without a subject alternative name (RFC 6125).
template <typename Connection>
std::vector<std::string> CertificateNames(const Connection& connection) {
  auto names = PropertyValues(connection, GRPC_X509_SAN_PROPERTY_NAME);
  return names.empty() ? PropertyValues(connection, GRPC_X509_CN_PROPERTY_NAME) : names;
}

}  // namespace

IncomingCall ReadCall(const grpc_auth_context* connection, const grpc_metadata* metadata,
                      std::size_t count) {
  IncomingCall call;
  call.claims.names = CertificateNames(connection);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string_view key = View(metadata[i].key);
    if (key == kAuthorization) call.claims.authorization.emplace_back(View(metadata[i].value));
    if (key == ":path") call.path = View(metadata[i].value);
  }
  return call;
}

std::string DecodedPeer(const grpc::ServerContextBase& context) {
  // gRPC encodes a peer as a URI: ipv6:%5B::1%5D:4711.
  return absl::StrReplaceAll(context.peer(), {{"%5B", "["}, {"%5D", "]"}, {"%25", "%"}});
}

AdminAccess::Claims ReadClaims(const grpc::ServerContextBase& context) {
  AdminAccess::Claims claims;
  const auto [begin, end] = context.client_metadata().equal_range(
      grpc::string_ref(kAuthorization.data(), kAuthorization.size()));
  for (auto it = begin; it != end; ++it) {
    claims.authorization.emplace_back(it->second.data(), it->second.size());
  }
  const std::shared_ptr<const grpc::AuthContext> connection = context.auth_context();
  if (connection == nullptr) return claims;
  claims.names = CertificateNames(*connection);
  uid_t uid = 0;
  const auto uids = PropertyValues(*connection, kUidProperty);
  if (!uids.empty() && absl::SimpleAtoi(uids.front(), &uid)) claims.uid = uid;
  return claims;
}

std::string AdminAccess::NameOf(const grpc::ServerContextBase& context) const {
  const Verdict verdict = Identify(ReadClaims(context));
  // Its token was withdrawn after it was admitted.
  return verdict.refusal ? "an unknown caller" : verdict.name;
}

absl::Status AdminAccess::RequireOperator(const grpc::ServerContextBase& context,
                                          const std::string& path) {
  return Admit(Identify(ReadClaims(context)), Role::kOperator, path, DecodedPeer(context));
}

}  // namespace echogw::server
