// Accepts the connections of the admin port and passes them to gRPC, which by itself accepts any
// number of them, stops for good when descriptors run out, and reveals the peer only once a call
// has its handler. Owned by the admin server. One thread of its own, from Start to Stop.
//
// Without authentication all connections are alike. Otherwise a connection belongs to an origin:
// its IP address, or the user of its process. gRPC fixes the number of origins when it starts;
// further origins share the last slot, which has no name and, on a unix socket, no more rights than
// any other user.
#pragma once

#include <grpcpp/server_builder.h>
#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "reactor/base/log_sink.h"
#include "reactor/base/unique_fd.h"
#include "server/access/admin_access.h"
#include "server/access/admin_credentials.h"
#include "server/access/open_calls.h"
#include "server/config/config.h"

namespace echogw::server {

class AdminAcceptor {
 public:
  static constexpr std::size_t kOrigins = 32;

  // Listens, and adds its origins to `builder`. At most `connections_max` are open at a time; a new
  // one takes the place of one without a call, or waits in the kernel's queue. Errors name the
  // address. `access`, `calls` and `log` outlive it, and it outlives the server. `taken`: the
  // listening sockets of another process for this address, in place of new ones.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<AdminAcceptor>> Listen(
      const AdminAddress& address, std::size_t connections_max, AdminAccess& access,
      const OpenCalls& calls, LogSink& log, grpc::ServerBuilder& builder,
      std::vector<UniqueFd> taken = {});

  AdminAcceptor(const AdminAcceptor&) = delete;
  AdminAcceptor& operator=(const AdminAcceptor&) = delete;
  ~AdminAcceptor();

  // As AdminServer::address().
  [[nodiscard]] const std::string& address() const { return address_; }

  // Once the server has started.
  void Start();
  // Before the server is shut down; removes the socket file. Twice is fine.
  void Stop();

  // The listening sockets, for another process.
  [[nodiscard]] std::vector<int> listeners() const;
  // Another process has them by now: the socket file stays.
  void Release() { released_ = true; }

 private:
  struct Slot {
    std::unique_ptr<Origin> origin;
    std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor;
  };

  enum class Accepted : std::uint8_t { kOne, kNone, kPause };
  // A connection owned by gRPC. It does not report when it closes one, but then the descriptor is
  // another file or none.
  struct Held {
    int fd = -1;
    ino_t inode = 0;
    std::string peer;  // "127.0.0.1:4711", or "unix:pid=7,uid=0"
  };

  AdminAcceptor(AdminAddress address, std::size_t connections_max, const OpenCalls& calls,
                LogSink& log, UniqueFd wake);
  // Listens at its address, or at both of localhost, on one port.
  absl::Status Open(unsigned unix_mode);
  absl::Status Adopt(std::vector<UniqueFd> taken);
  void AddOpenSlot(grpc::ServerBuilder& builder, AdminAccess& access);
  void AddOrigins(grpc::ServerBuilder& builder, AdminAccess& access);
  void Run();
  Accepted AcceptFrom(int listener);
  void HandOver(UniqueFd fd, int listener);
  // Whether the maximum number of connections is open.
  bool IsFull();
  // The connection to close for a new one: of those over TCP without a call the one that has been
  // silent for longest; of a unix socket the first one of the process that has most. Its descriptor
  // is a copy, because gRPC may close its own at any time. None if all are in use.
  [[nodiscard]] UniqueFd SelectIdle() const;
  // The slot of a key: a new one, if any is left.
  Slot& SlotOf(const std::string& key, std::optional<uid_t> uid);

  const AdminAddress where_;
  const std::size_t connections_max_;
  bool open_ = false;
  bool released_ = false;
  std::string address_;
  const OpenCalls& calls_;
  LogSink& log_;
  std::vector<UniqueFd> listeners_;
  UniqueFd wake_;
  std::vector<Slot> slots_;
  std::map<std::string, std::size_t> slot_of_;  // of the thread
  bool said_many_ = false;                      // of the thread
  std::vector<Held> held_;                      // of the thread
  bool said_full_ = false;                      // of the thread
  // Writer: Stop. Reader: the thread.
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace echogw::server
