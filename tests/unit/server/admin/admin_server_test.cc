// Goal: health follows SetServing, a stranger's client can list and describe every service, and no
// port or socket is ever shared or stolen. Method: real servers, the health and reflection
// protocols, and a socket left behind by a process that died.
#include "server/admin/admin_server.h"

#include <grpcpp/impl/codegen/rpc_method.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/sync_stream.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "gtest/gtest.h"
#include "reactor/base/unique_fd.h"
#include "tests/support/receive.h"
#include "tests/support/wait_until.h"
#include "tests/unit/server/admin/admin_fixture.h"
#include "tests/unit/server/admin/raw_http2.h"
#include "tests/unit/server/exporter/http_client.h"
#include "tests/unit/server/temp_dir.h"

namespace echogw::server {
namespace {

using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

class AdminServerTest : public AdminTest {
 protected:
  HealthCheckResponse::ServingStatus HealthOf(const std::string& service) {
    auto stub = Health::NewStub(channel_);
    HealthCheckRequest request;
    request.set_service(service);
    HealthCheckResponse response;
    const auto status = Call(*stub, &Health::Stub::Check, request, response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.status();
  }

  // One question to the reflection service, in the wire format, which needs no generated code: the
  // field of a ServerReflectionRequest and its text. The answer is raw as well.
  std::string Reflect(char field, const std::string& text) {
    std::string request;
    request += static_cast<char>(field << 3 | 2);
    request += static_cast<char>(text.size());
    request += text;
    grpc::ClientContext context;
    context.set_deadline(In(seconds(20)));
    const grpc::internal::RpcMethod method(
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        grpc::internal::RpcMethod::BIDI_STREAMING);
    const std::unique_ptr<grpc::ClientReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>> stream(
        grpc::internal::ClientReaderWriterFactory<grpc::ByteBuffer, grpc::ByteBuffer>::Create(
            channel_.get(), method, &context));
    const grpc::Slice slice(request);
    EXPECT_TRUE(stream->Write(grpc::ByteBuffer(&slice, 1)));
    grpc::ByteBuffer answer;
    EXPECT_TRUE(stream->Read(&answer));
    stream->WritesDone();
    EXPECT_TRUE(stream->Finish().ok());
    grpc::Slice flat;
    EXPECT_TRUE(answer.DumpToSingleSlice(&flat).ok());
    const void* begin = flat.begin();
    return {static_cast<const char*>(begin), flat.size()};
  }

  absl::StatusOr<std::unique_ptr<AdminServer>> StartAtUnix(const std::string& path) {
    AdminAddress address;
    address.unix_path = path;
    accesses_.push_back(*AdminAccess::Create(address, {}, timers_, log_));
    return ReserveAndStart(address, *service_, *accesses_.back(), *calls_, log_);
  }

  // They outlive the servers of a test.
  TimerThread timers_;
  std::vector<std::unique_ptr<AdminAccess>> accesses_;
};

constexpr char kListServices = 7;
constexpr char kFileContainingSymbol = 4;

TEST_F(AdminServerTest, HealthFollowsSetServing) {
  for (const char* service : {"", "echogw.admin.v1.Admin"}) {
    EXPECT_EQ(HealthOf(service), HealthCheckResponse::NOT_SERVING);
  }
  server_->SetServing(true);
  for (const char* service : {"", "echogw.admin.v1.Admin"}) {
    EXPECT_EQ(HealthOf(service), HealthCheckResponse::SERVING);
  }
  server_->SetServing(false);
  EXPECT_EQ(HealthOf(""), HealthCheckResponse::NOT_SERVING);
}

TEST_F(AdminServerTest, ReflectionListsAndDescribesEveryService) {
  const std::string list = Reflect(kListServices, "");
  for (const char* service : {"echogw.admin.v1.Admin", "grpc.health.v1.Health",
                              "grpc.reflection.v1alpha.ServerReflection"}) {
    EXPECT_THAT(list, HasSubstr(service));
  }
  EXPECT_THAT(Reflect(kFileContainingSymbol, "echogw.admin.v1.Admin"), HasSubstr("DrainRequest"));
  EXPECT_THAT(Reflect(kFileContainingSymbol, "grpc.health.v1.Health"),
              HasSubstr("HealthCheckRequest"));
}

TEST_F(AdminServerTest, ReportsItsRealPort) {
  EXPECT_THAT(server_->address(), testing::StartsWith("127.0.0.1:"));
  EXPECT_NE(server_->address(), "127.0.0.1:0");
}

TEST_F(AdminServerTest, APortInUseIsRefused) {
  const std::string port = server_->address().substr(server_->address().rfind(':') + 1);
  const auto second =
      ReserveAndStart(TcpAddress("127.0.0.1", static_cast<std::uint16_t>(std::stoi(port))),
                      *service_, *access_, *calls_, log_);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(server_->address()));
}

TEST_F(AdminServerTest, AnAddressOfAnotherMachineIsRefused) {
  const auto server =
      ReserveAndStart(TcpAddress("192.0.2.1", 7001), *service_, *access_, *calls_, log_);
  ASSERT_FALSE(server.ok());
  EXPECT_THAT(std::string(server.status().message()), HasSubstr("192.0.2.1:7001"));
}

TEST_F(AdminServerTest, StopsAtOnceWithoutCallsAndTwiceIsFine) {
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_TRUE(server_->Stop(seconds(30)));
  EXPECT_TRUE(server_->Stop(seconds(30)));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds(10));
}

TEST_F(AdminServerTest, AHandlerThatDoesNotReturnIsNotWaitedForForEver) {
  std::promise<void> begun;
  std::promise<void> release;
  control_.during_undrain = [&] {
    begun.set_value();
    release.get_future().wait();
  };
  std::thread caller([this] {
    pb::UndrainResponse response;
    EXPECT_FALSE(Call(*stub_, &pb::Admin::Stub::Undrain, pb::UndrainRequest(), response).ok());
  });
  begun.get_future().wait();
  EXPECT_FALSE(server_->Stop(milliseconds(0)));
  release.set_value();
  EXPECT_TRUE(server_->Stop(seconds(30)));
  caller.join();
}

TEST_F(AdminServerTest, SlowCallsDoNotDelayOthers) {
  constexpr int kUndrains = 4;
  std::atomic<int> waiting{0};
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  control_.during_undrain = [&] {
    ++waiting;
    released.wait();
  };
  std::vector<std::thread> callers;
  for (int i = 0; i < kUndrains; ++i) {
    callers.emplace_back([this] {
      auto stub = pb::Admin::NewStub(Connect(server_->address()));
      pb::UndrainResponse response;
      EXPECT_TRUE(Call(*stub, &pb::Admin::Stub::Undrain, pb::UndrainRequest(), response).ok());
    });
  }
  EXPECT_TRUE(WaitUntil([&] { return waiting.load() == kUndrains; })) << "side by side";
  pb::GetStatsResponse stats;
  EXPECT_TRUE(Call(*stub_, &pb::Admin::Stub::GetStats, pb::GetStatsRequest(), stats).ok());
  pb::ListConnectionsResponse list;
  EXPECT_TRUE(
      Call(*stub_, &pb::Admin::Stub::ListConnections, pb::ListConnectionsRequest(), list).ok());
  pb::CloseConnectionsRequest close;
  close.add_ids(5);
  pb::CloseConnectionsResponse closed;
  EXPECT_TRUE(Call(*stub_, &pb::Admin::Stub::CloseConnections, close, closed).ok());
  EXPECT_EQ(HealthOf(""), HealthCheckResponse::NOT_SERVING);
  release.set_value();
  for (std::thread& caller : callers) caller.join();
}

class AdminRoomTest : public AdminTest, public testing::WithParamInterface<const char*> {};

// The second is an IPv4 client of a dual-stack socket.
INSTANTIATE_TEST_SUITE_P(Hosts, AdminRoomTest, testing::Values("127.0.0.1", "::"));

TEST_P(AdminRoomTest, IdleConnectionsGiveWayAndThoseWithACallStay) {
  StartServer({}, GetParam());
  const std::string port = server_->address().substr(server_->address().rfind(':'));
  const std::string address = "127.0.0.1" + port;
  const auto watcher = pb::Admin::NewStub(Connect(address));
  grpc::ClientContext context;
  context.set_deadline(In(seconds(20)));
  pb::WatchStatsRequest request;
  request.mutable_interval()->set_nanos(100'000'000);
  const auto watch = watcher->WatchStats(&context, request);
  pb::WatchStatsResponse stats;
  ASSERT_TRUE(watch->Read(&stats));
  std::vector<UniqueFd> idle;
  for (std::size_t i = 0; i < 2 * kAdminConnectionsMax; ++i) {
    idle.push_back(ConnectTcp(address));
    const std::string preface = Http2Preface();
    EXPECT_EQ(::send(idle.back().get(), preface.data(), preface.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(preface.size()));
  }
  auto stub = pb::Admin::NewStub(Connect(address));
  pb::GetInfoResponse info;
  EXPECT_TRUE(Call(*stub, &pb::Admin::Stub::GetInfo, pb::GetInfoRequest(), info).ok());
  for (char byte = 0; Receive(idle.front().get(), &byte, 1) == 1;) {
  }
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(watch->Read(&stats)) << "it has a call";
  context.TryCancel();
  EXPECT_FALSE(watch->Finish().ok());
}

TEST_F(AdminServerTest, AnswersThatNobodyReadsAreBounded) {
  constexpr int kCalls = 120;
  constexpr std::size_t kMost = std::size_t{32} << 20U;
  ConnectionPage page;
  page.connections.resize(9000, {.peer = "[2001:db8::1234]:65535", .local = "[2001:db8::1]:7000"});
  connections_.set_page(page);
  const UniqueFd client = ConnectTcp(server_->address());
  std::string bytes = Http2Preface();
  for (std::uint32_t i = 0; i < kCalls; ++i) bytes += RawCall(2 * i + 1, "ListConnections", "");
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t n = ::send(client.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    ASSERT_GT(n, 0);
    sent += static_cast<std::size_t>(n);
  }
  EXPECT_TRUE(WaitUntil([&] {
    std::uint64_t ended = 0;
    for (const AdminCallCount& count : calls_->counts()) {
      if (count.method == "Admin/ListConnections") ended += count.count;
    }
    return ended >= CallThreads::kWaitingPerCallerMax && service_->unread_bytes() > kMost / 2;
  }));
  EXPECT_TRUE(WaitUntil([&] { return service_->unread_bytes() <= kMost; }));
  pb::ListConnectionsResponse list;
  EXPECT_TRUE(
      Call(*stub_, &pb::Admin::Stub::ListConnections, pb::ListConnectionsRequest(), list).ok())
      << "a caller who reads has room";
  EXPECT_EQ(list.connections_size(), 9000);
}

TEST_F(AdminServerTest, ServesOnAUnixSocket) {
  const TempDir dir;
  const std::string path = dir.path() + "/e.sock";
  auto server = StartAtUnix(path);
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ((*server)->address(), "unix:" + path);
  auto stub = pb::Admin::NewStub(Connect("unix:" + path));
  pb::GetInfoResponse response;
  EXPECT_TRUE(Call(*stub, &pb::Admin::Stub::GetInfo, pb::GetInfoRequest(), response).ok());
  server->reset();
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

TEST_F(AdminServerTest, ALiveSocketIsNotStolen) {
  const TempDir dir;
  const std::string path = dir.path() + "/e.sock";
  auto first = StartAtUnix(path);
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = StartAtUnix(path);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(path));
  // The first one is not disturbed.
  auto stub = pb::Admin::NewStub(Connect("unix:" + path));
  pb::GetInfoResponse response;
  EXPECT_TRUE(Call(*stub, &pb::Admin::Stub::GetInfo, pb::GetInfoRequest(), response).ok());
}

// A listening socket of something that knows nothing of our lock.
UniqueFd ListenUnix(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const void* to = &address;
  EXPECT_EQ(::bind(fd.get(), static_cast<const sockaddr*>(to), sizeof(address)), 0);
  EXPECT_EQ(::listen(fd.get(), 1), 0);
  return fd;
}

TEST_F(AdminServerTest, AForeignSocketIsNotStolen) {
  const TempDir dir;
  const std::string path = dir.path() + "/e.sock";
  const UniqueFd foreign = ListenUnix(path);
  const auto server = StartAtUnix(path);
  ASSERT_FALSE(server.ok());
  EXPECT_EQ(server.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_FALSE(std::filesystem::exists(path + ".lock"));
}

TEST_F(AdminServerTest, AStaleSocketIsReplaced) {
  const TempDir dir;
  const std::string path = dir.path() + "/e.sock";
  // Closed without unlink, as after kill -9; the lock file is left as well.
  ListenUnix(path).Reset();
  dir.Write("e.sock.lock", "");
  ASSERT_TRUE(std::filesystem::is_socket(path));
  auto server = StartAtUnix(path);
  ASSERT_TRUE(server.ok()) << server.status();
  auto stub = pb::Admin::NewStub(Connect("unix:" + path));
  pb::GetInfoResponse response;
  EXPECT_TRUE(Call(*stub, &pb::Admin::Stub::GetInfo, pb::GetInfoRequest(), response).ok());
}

TEST_F(AdminServerTest, AFileInTheWayIsKept) {
  const TempDir dir;
  const std::string path = dir.Write("e.sock", "precious");
  const auto server = StartAtUnix(path);
  ASSERT_FALSE(server.ok());
  EXPECT_EQ(server.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(std::filesystem::file_size(path), 8U);
  EXPECT_FALSE(StartAtUnix(dir.path() + "/missing/e.sock").ok());
}

}  // namespace
}  // namespace echogw::server
