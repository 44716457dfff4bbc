// Credentials of gRPC for the connections of one origin, with or without TLS; AdminAccess judges
// each call before its handler. Created and registered on the main thread; gRPC then calls the
// processor on its own threads, and it does not block.
//
// Unlike the C++ interface of gRPC, its public C interface can judge calls on connections without
// TLS, and change certificates while the server runs.
#pragma once

#include <grpc/grpc_security.h>
#include <grpcpp/security/server_credentials.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "reactor/base/mutex.h"
#include "server/access/admin_access.h"

namespace echogw::server {

// Connections of the same peer address or user, which is set once, before the first of them.
class Origin {
 public:
  explicit Origin(AdminAccess& access) : access_(access) {}

  void Set(std::string peer, std::optional<uid_t> uid);

  // Any thread. `connection` is marked with the user id.
  [[nodiscard]] absl::Status Judge(grpc_auth_context* connection, const grpc_metadata* metadata,
                                   std::size_t count);

  // Certificates that gRPC has not fetched yet; null if there are none.
  [[nodiscard]] std::shared_ptr<const TlsMaterial> NewTls();

  [[nodiscard]] AdminAccess& access() { return access_; }

 private:
  AdminAccess& access_;
  Mutex mutex_;
  std::string peer_ ECHOGW_GUARDED_BY(mutex_);
  std::optional<uid_t> uid_ ECHOGW_GUARDED_BY(mutex_);
  std::uint64_t tls_version_ ECHOGW_GUARDED_BY(mutex_) = 0;
};

class AdminCredentials final : public grpc::ServerCredentials {
 public:
  // `origin` outlives the server.
  explicit AdminCredentials(Origin& origin);
  AdminCredentials(const AdminCredentials&) = delete;
  AdminCredentials& operator=(const AdminCredentials&) = delete;
  ~AdminCredentials() override;

  // The processor is fixed.
  void SetAuthMetadataProcessor(
      const std::shared_ptr<grpc::AuthMetadataProcessor>& /*processor*/) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override;

  grpc_server_credentials* const credentials_;
};

}  // namespace echogw::server
