// The gRPC server: the admin service, health checks and reflection. The gateway owns it, starts and
// stops it on the main thread. Its threads are gRPC's; they inherit the affinity of the thread that
// starts it, which must not be pinned.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reactor/base/log_sink.h"
#include "reactor/base/mutex.h"
#include "reactor/base/unique_fd.h"
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
  // Reserves an address before any thread starts: returns the lock of a unix socket, and for TCP
  // only checks that the port is free. Errors name the address: AlreadyExists if it is in use, else
  // the system's error.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<SocketLock>> Reserve(
      const AdminAddress& address);

  // Listens when it returns, with health NOT_SERVING until SetServing(true). `lock` comes from
  // Reserve; the others outlive the server. Accepts up to `connections_max` connections at a time.
  // `taken`: see AdminAcceptor::Listen.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<AdminServer>> Start(
      const AdminAddress& address, std::unique_ptr<SocketLock> lock, std::size_t connections_max,
      AdminService& service, AdminAccess& access, AdminCalls& calls, LogSink& log,
      std::vector<UniqueFd> taken = {});
  // Accepts from here on.
  void Open();

  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;
  // Stops with a short timeout if Stop was not called.
  ~AdminServer();

  // "127.0.0.1:7001" with the real port, or "unix:PATH".
  [[nodiscard]] const std::string& address() const;

  // The listening sockets and the lock, null without one, for another process.
  [[nodiscard]] std::vector<int> listeners() const;
  [[nodiscard]] const SocketLock* lock() const { return lock_.get(); }
  // Another process accepts from them by now: this one does not any more, and leaves the files of a
  // unix socket. Open connections are served until Stop.
  void Release();

  // Sets the health of "" and of the admin service. Any thread, one call at a time.
  void SetServing(bool serving);

  // Ends the watch streams and waits until every call is finished; calls that last longer than
  // `limit` are cancelled. False if a handler does not return some seconds after that: then neither
  // the server nor what it uses may be destroyed. One thread.
  [[nodiscard]] bool Stop(std::chrono::milliseconds limit);

 private:
  AdminServer(AdminService& service, std::unique_ptr<SocketLock> lock,
              std::unique_ptr<AdminAcceptor> acceptor, std::unique_ptr<grpc::Server> server);

  AdminService& service_;
  // Outlives the acceptor, which removes the socket file when it stops.
  std::unique_ptr<SocketLock> lock_;
  // Outlives the server.
  std::unique_ptr<AdminAcceptor> acceptor_;
  std::unique_ptr<grpc::Server> server_;
  // The health that was set.
  std::optional<bool> serving_;
  bool stopping_ = false;
  std::thread stopper_;
  Mutex mutex_;
  CondVar changed_;
  bool stopped_ ECHOGW_GUARDED_BY(mutex_) = false;
};

}  // namespace echogw::server
