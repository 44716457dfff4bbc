#include "server/access/admin_credentials.h"

#include <grpc/grpc.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/access/call_claims.h"

namespace echogw::server {
namespace {

void Process(void* state, grpc_auth_context* connection, const grpc_metadata* metadata,
             std::size_t count, grpc_process_auth_metadata_done_cb done, void* call) {
  const absl::Status status = static_cast<Origin*>(state)->Judge(connection, metadata, count);
  const std::string details(status.message());
  // The codes of abseil are those of gRPC.
  done(call, nullptr, 0, nullptr, 0, static_cast<grpc_status_code>(status.code()), details.c_str());
}

grpc_ssl_certificate_config_reload_status FetchTls(void* state,
                                                   grpc_ssl_server_certificate_config** config) {
  const auto tls = static_cast<Origin*>(state)->NewTls();
  if (tls == nullptr) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
  const grpc_ssl_pem_key_cert_pair pair{.private_key = tls->key.c_str(),
                                        .cert_chain = tls->certificates.c_str()};
  // gRPC aborts without any roots, although it looks at none unless clients are asked for
  // certificates.
  const std::string& roots = tls->client_ca.empty() ? tls->certificates : tls->client_ca;
  *config = ::grpc_ssl_server_certificate_config_create(roots.c_str(), &pair, 1);
  return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
}

grpc_server_credentials* Make(Origin& origin) {
  grpc_server_credentials* made = nullptr;
  if (origin.access().has_tls()) {
    const auto request = origin.access().tls().material->client_ca.empty()
                             ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                             : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
    made = ::grpc_ssl_server_credentials_create_with_options(
        ::grpc_ssl_server_credentials_create_options_using_config_fetcher(request, &FetchTls,
                                                                          &origin));
  } else {
    made = ::grpc_insecure_server_credentials_create();
  }
  ::grpc_server_credentials_set_auth_metadata_processor(
      made, {.process = &Process, .destroy = nullptr, .state = &origin});
  return made;
}

}  // namespace

void Origin::Set(std::string peer, std::optional<uid_t> uid) {
  const MutexLock lock(mutex_);
  peer_ = std::move(peer);
  uid_ = uid;
}

absl::Status Origin::Judge(grpc_auth_context* connection, const grpc_metadata* metadata,
                           std::size_t count) {
  IncomingCall call = ReadCall(connection, metadata, count);
  std::string peer;
  {
    const MutexLock lock(mutex_);
    peer = peer_;
    call.claims.uid = uid_;
    // Once a connection: handlers read the context without a lock, but after their own turn here.
    auto marked = ::grpc_auth_context_find_properties_by_name(connection, kUidProperty);
    if (uid_ && ::grpc_auth_property_iterator_next(&marked) == nullptr) {
      ::grpc_auth_context_add_cstring_property(connection, kUidProperty,
                                               absl::StrCat(*uid_).c_str());
    }
  }
  return access_.Judge(call.claims, call.path, peer);
}

std::shared_ptr<const TlsMaterial> Origin::NewTls() {
  const AdminAccess::Tls tls = access_.tls();
  const MutexLock lock(mutex_);
  if (std::exchange(tls_version_, tls.version) == tls.version) return nullptr;
  return tls.material;
}

AdminCredentials::AdminCredentials(Origin& origin) : credentials_(Make(origin)) {}

AdminCredentials::~AdminCredentials() { ::grpc_server_credentials_release(credentials_); }

int AdminCredentials::AddPortToServer(const std::string& address, grpc_server* server) {
  return ::grpc_server_add_http2_port(server, address.c_str(), credentials_);
}

}  // namespace echogw::server
