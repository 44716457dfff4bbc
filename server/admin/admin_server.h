// The gRPC server: the admin service, health checks and reflection. The gateway owns it, starts and
// stops it on the main thread. Its threads are gRPC's own; they inherit the affinity of the thread
// that starts it, which therefore must not be pinned.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reactor/base/log_sink.h"
#include "server/base/socket_lock.h"
#include "server/config/config.h"

namespace grpc {
class Server;
}  // namespace grpc

namespace echogw::server {

class AdminAcceptor;
class AdminAccess;
class AdminCalls;
class AdminService;

class AdminServer {
 public:
  // The right to serve at an address, to be had before any thread starts: the lock of a unix
  // socket, or for TCP nothing but the certainty that nobody listens there. Errors name the
  // address: AlreadyExists if it is taken, else what the system said.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<SocketLock>> Reserve(
      const AdminAddress& address);

  // Serves when it returns, with health NOT_SERVING until SetServing(true). `lock` is what Reserve
  // gave for the address; the others outlive the server. Holds up to `connections_max` connections
  // at a time.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<AdminServer>> Start(
      const AdminAddress& address, std::unique_ptr<SocketLock> lock, std::size_t connections_max,
      AdminService& service, AdminAccess& access, AdminCalls& calls, LogSink& log);

  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;
  // Stops with a short limit if Stop was not called.
  ~AdminServer();

  // "127.0.0.1:7001" with the real port, or "unix:PATH".
  [[nodiscard]] const std::string& address() const;

  // What the health service says for "" and for the admin service. Any thread, one call at a time.
  void SetServing(bool serving);

  // Ends the watch streams and returns when every call is over, at the latest after `limit`, when
  // the rest is cancelled.
  void Stop(std::chrono::milliseconds limit);

 private:
  AdminServer(AdminService& service, std::unique_ptr<SocketLock> lock,
              std::unique_ptr<AdminAcceptor> acceptor, std::unique_ptr<grpc::Server> server);

  AdminService& service_;
  // Outlives the acceptor, which removes the socket file when it stops.
  std::unique_ptr<SocketLock> lock_;
  // Outlives the server.
  std::unique_ptr<AdminAcceptor> acceptor_;
  std::unique_ptr<grpc::Server> server_;
  // What health says; empty until it was told.
  std::optional<bool> serving_;
  bool stopped_ = false;
};

}  // namespace echogw::server
