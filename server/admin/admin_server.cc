#include "server/admin/admin_server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpc/health/v1/health.pb.h"
#include "reactor/base/unique_fd.h"
#include "reactor/net/socket.h"
#include "server/access/admin_acceptor.h"
#include "server/access/admin_access.h"
#include "server/admin/admin_calls.h"
#include "server/admin/admin_service.h"

namespace echogw::server {
namespace {

// The largest request, SetSteering for every reactor, takes 2 KiB.
constexpr int kRequestBytesMax = 64 * 1024;
// Reflection occupies a thread per open stream; the other services do not.
constexpr int kThreadsMax = 16;
constexpr int kStreamsPerConnectionMax = 128;
// What gRPC may hold of requests that are not complete, over all connections. It keeps headers that
// do not end (CONTINUATION frames), and takes up to three times as much before it cancels them.
constexpr std::size_t kRequestMemory = std::size_t{8} << 20U;
// Connections without a call are closed after this long; clients reconnect when they need to.
constexpr int kIdleLimitMs = 300'000;
// By default gRPC lets a silent client hold a connection for two minutes.
constexpr int kHandshakeLimitMs = 10'000;
// Clients may send keep-alive pings this often; gRPC would end the connection of one that sends
// more than one in five minutes. The usual interval is 10 s.
constexpr int kPingIntervalMinMs = 5'000;
constexpr std::chrono::milliseconds kStopLimit(500);
// For handlers that still run then; they end soon, unless something is stuck.
constexpr std::chrono::milliseconds kHandlerLimit(2000);

// gRPC aborts the process if one of these fails, so try them first.
absl::Status CheckEvents() {
  const auto failed = [](const char* call) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot start gRPC: ", call));
  };
  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return failed("epoll_create1");
  const UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event.valid()) return failed("eventfd");
  epoll_event interest{.events = EPOLLIN, .data = {}};
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, event.get(), &interest) != 0) {
    return failed("epoll_ctl");
  }
  return absl::OkStatus();
}

// Process-wide settings of gRPC, once. The reference to the health messages makes the linker keep
// them: reflection describes the health service from them (grpc#36665).
void PrepareGrpc() {
  static const bool done = [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    return grpc::health::v1::HealthCheckRequest::descriptor() != nullptr;
  }();
  static_cast<void>(done);
}

absl::Status StartFailed(const std::string& address) {
  return absl::UnavailableError(absl::StrCat("cannot serve the admin RPCs on ", address));
}

}  // namespace

absl::StatusOr<std::unique_ptr<SocketLock>> AdminServer::Reserve(const AdminAddress& address) {
  if (!address.unix_path.empty()) return SocketLock::Acquire(address.unix_path);
  if (auto free = CheckPortIsFree(address.tcp); !free.ok()) return free;
  if (address.loopback_v6) {
    if (auto free = CheckPortIsFree(*address.loopback_v6); !free.ok()) return free;
  }
  return std::unique_ptr<SocketLock>();
}

absl::StatusOr<std::unique_ptr<AdminServer>> AdminServer::Start(
    const AdminAddress& address, std::unique_ptr<SocketLock> lock, std::size_t connections_max,
    AdminService& service, AdminAccess& access, AdminCalls& calls, LogSink& log,
    std::vector<UniqueFd> taken) {
  if (auto status = CheckEvents(); !status.ok()) return status;
  PrepareGrpc();
  grpc::ServerBuilder builder;
  auto acceptor = AdminAcceptor::Listen(address, connections_max, access, calls.open(), log,
                                        builder, std::move(taken));
  if (!acceptor.ok()) return acceptor.status();
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kStreamsPerConnectionMax);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeLimitMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kPingIntervalMinMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.SetMaxReceiveMessageSize(kRequestBytesMax);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kIdleLimitMs);
  builder.SetResourceQuota(
      grpc::ResourceQuota("echogw-admin").SetMaxThreads(kThreadsMax).Resize(kRequestMemory));
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 1);
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> watchers;
  watchers.push_back(calls.MakeInterceptors());
  builder.experimental().SetInterceptorCreators(std::move(watchers));
  builder.RegisterService(&service);
  auto server = builder.BuildAndStart();
  if (server == nullptr) return StartFailed(address.ToString());
  std::unique_ptr<AdminServer> out(
      new AdminServer(service, std::move(lock), *std::move(acceptor), std::move(server)));
  out->SetServing(false);
  return out;
}

AdminServer::AdminServer(AdminService& service, std::unique_ptr<SocketLock> lock,
                         std::unique_ptr<AdminAcceptor> acceptor,
                         std::unique_ptr<grpc::Server> server)
    : service_(service),
      lock_(std::move(lock)),
      acceptor_(std::move(acceptor)),
      server_(std::move(server)) {}

AdminServer::~AdminServer() {
  static_cast<void>(Stop(kStopLimit));
  if (stopper_.joinable()) stopper_.join();
}

void AdminServer::Open() { acceptor_->Start(); }

std::vector<int> AdminServer::listeners() const { return acceptor_->listeners(); }

void AdminServer::Release() {
  acceptor_->Release();
  acceptor_->Stop();
  if (lock_ != nullptr) lock_->Release();
}

const std::string& AdminServer::address() const { return acceptor_->address(); }

void AdminServer::SetServing(bool serving) {
  // Watchers are notified of changes only.
  if (serving_ == serving) return;
  serving_ = serving;
  grpc::HealthCheckServiceInterface* health = server_->GetHealthCheckService();
  if (health == nullptr) return;
  health->SetServingStatus("", serving);
  health->SetServingStatus(pb::Admin::service_full_name(), serving);
}

bool AdminServer::Stop(std::chrono::milliseconds limit) {
  if (!std::exchange(stopping_, true)) {
    acceptor_->Stop();
    service_.EndCalls();
    const auto shut_down = [this, limit] {
      server_->Shutdown(std::chrono::system_clock::now() + limit);
      server_->Wait();
      const MutexLock lock(mutex_);
      stopped_ = true;
      changed_.NotifyAll();
    };
    // gRPC waits for handlers without a limit.
    try {
      stopper_ = std::thread(shut_down);
    } catch (const std::system_error&) {
      shut_down();  // a limit on threads
    }
  }
  const auto deadline = std::chrono::steady_clock::now() + limit + kHandlerLimit;
  const MutexLock lock(mutex_);
  while (!stopped_ && changed_.WaitUntil(mutex_, deadline)) {
  }
  return stopped_;
}

}  // namespace echogw::server
