// An admin server on a port of the kernel's choice, over a FakeControl, and a client of it.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "echogw/admin/v1/admin.grpc.pb.h"
#include "gtest/gtest.h"
#include "server/access/admin_access.h"
#include "server/admin/admin_calls.h"
#include "server/admin/admin_server.h"
#include "server/admin/admin_service.h"
#include "tests/unit/server/admin/fake_connection_control.h"
#include "tests/unit/server/admin/fake_control.h"
#include "tests/unit/server/fake_log_control.h"
#include "tests/unit/server/test_support.h"

namespace echogw::server {

inline std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // A connection of its own, so that tests do not share one.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

inline std::chrono::system_clock::time_point In(std::chrono::milliseconds time) {
  return std::chrono::system_clock::now() + time;
}

// One call that only a broken server lets run into its deadline.
template <typename Stub, typename Method, typename Request, typename Response>
grpc::Status Call(Stub& stub, Method method, const Request& request, Response& response) {
  grpc::ClientContext context;
  context.set_deadline(In(std::chrono::seconds(20)));
  return (stub.*method)(&context, request, &response);
}

inline constexpr std::size_t kAdminConnectionsMax = 16;

inline AdminAddress TcpAddress(const std::string& host, std::uint16_t port) {
  AdminAddress address;
  address.tcp.host = host;
  address.tcp.port = port;
  address.tcp.dual_stack = host == "::";
  return address;
}

inline absl::StatusOr<std::unique_ptr<AdminServer>> ReserveAndStart(const AdminAddress& address,
                                                                    AdminService& service,
                                                                    AdminAccess& access,
                                                                    AdminCalls& calls,
                                                                    LogSink& log) {
  auto lock = AdminServer::Reserve(address);
  if (!lock.ok()) return lock.status();
  auto server = AdminServer::Start(address, *std::move(lock), kAdminConnectionsMax, service, access,
                                   calls, log);
  if (server.ok()) (*server)->Open();
  return server;
}

class AdminTest : public testing::Test {
 protected:
  AdminTest() { StartServer({}); }

  void StartServer(const AdminServiceOptions& options, const std::string& host = "127.0.0.1") {
    stub_.reset();
    server_.reset();
    GatewayInfo info;
    info.build = {.version = "1.2.3", .revision = "abc", .compiler = "cc", .build_type = "Test"};
    info.start_time = std::chrono::system_clock::time_point(std::chrono::seconds(1000));
    info.pid = 42;
    info.poller = "epoll";
    info.transform = "none";
    info.listen_addresses = {"127.0.0.1:7000"};
    info.config = {{"reactors", "2"}, {"poller", "auto"}};
    const AdminAddress address = TcpAddress(host, 0);
    service_.reset();
    access_ = *AdminAccess::Create(address, {}, timers_, log_);
    service_ = std::make_unique<AdminService>(AdminTargets{.control = control_,
                                                           .connections = connections_,
                                                           .events = events_,
                                                           .log_control = log_control_,
                                                           .log = log_,
                                                           .access = *access_,
                                                           .info = info_},
                                              options);
    info_.Set(info);
    calls_ = std::make_unique<AdminCalls>(*access_, log_);
    auto server = ReserveAndStart(address, *service_, *access_, *calls_, log_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = Connect(server_->address());
    stub_ = pb::Admin::NewStub(channel_);
  }

  FakeControl control_;
  FakeConnectionControl connections_;
  EventLog events_;
  RecordingLog log_;
  FakeLogControl log_control_;
  TimerThread timers_;
  SharedGatewayInfo info_;
  std::unique_ptr<AdminAccess> access_;
  std::unique_ptr<AdminCalls> calls_;
  std::unique_ptr<AdminService> service_;
  std::unique_ptr<AdminServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<pb::Admin::Stub> stub_;
};

}  // namespace echogw::server
