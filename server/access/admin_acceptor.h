// Accepts the connections of the admin port when it matters who is at their other end, and hands
// them to gRPC, which would not tell before a call has its handler. The admin server owns it. One
// thread of its own, from Start to Stop.
//
// A connection belongs to an origin: its IP address, or the user of its process. gRPC fixes the
// number of origins at its start, so those beyond share the last one, which has no name and, on a
// unix socket, no more rights than any other user.
#pragma once

#include <grpcpp/server_builder.h>

#include <atomic>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "reactor/log_sink.h"
#include "reactor/unique_fd.h"
#include "server/access/admin_access.h"
#include "server/access/admin_credentials.h"
#include "server/config.h"

namespace echogw {

class AdminAcceptor {
 public:
  static constexpr std::size_t kOrigins = 32;

  // Listens, and adds its origins to `builder`. Errors name the address. `access` and `log` outlive
  // it, and it outlives the server.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<AdminAcceptor>> Listen(
      const AdminAddress& address, AdminAccess& access, LogSink& log, grpc::ServerBuilder& builder);

  AdminAcceptor(const AdminAcceptor&) = delete;
  AdminAcceptor& operator=(const AdminAcceptor&) = delete;
  ~AdminAcceptor();

  // As AdminServer::address().
  [[nodiscard]] const std::string& address() const { return address_; }

  // Once the server has started.
  void Start();
  // Before the server is shut down; removes the socket file. Twice is fine.
  void Stop();

 private:
  struct Slot {
    std::unique_ptr<Origin> origin;
    std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor;
  };

  AdminAcceptor(AdminAddress address, LogSink& log, UniqueFd listener, UniqueFd wake);
  void Run();
  // False when there was none to accept.
  bool AcceptOne();
  // The slot of a key, which is a new one as long as there are any.
  Slot& SlotOf(const std::string& key, std::optional<uid_t> uid);

  const AdminAddress where_;
  std::string address_;
  LogSink& log_;
  UniqueFd listener_;
  UniqueFd wake_;
  std::vector<Slot> slots_;
  std::map<std::string, std::size_t> slot_of_;  // of the thread
  bool said_full_ = false;                      // of the thread
  // Writer: Stop. Reader: the thread.
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace echogw
