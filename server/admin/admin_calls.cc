#include "server/admin/admin_calls.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_interceptor.h>
#include <grpcpp/support/status.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "echogw/admin/v1/admin.pb.h"
#include "grpc/health/v1/health.pb.h"
#include "server/access/call_claims.h"
#include "server/admin/change_log.h"
#include "server/base/role.h"

namespace echogw::server {
namespace {

using std::chrono::steady_clock;

static_assert(static_cast<int>(grpc::UNAUTHENTICATED) == 16);

std::string CodeName(std::size_t code) {
  return absl::StatusCodeToString(static_cast<absl::StatusCode>(code));
}

// "[::1]:4711"
std::string PeerOf(const grpc::ServerContextBase& context) {
  const std::string peer = DecodedPeer(context);
  return peer.substr(peer.find(':') + 1);
}

}  // namespace

// One per call, created and deleted by gRPC.
class AdminCalls::Interceptor final : public grpc::experimental::Interceptor {
 public:
  Interceptor(AdminCalls& calls, grpc::experimental::ServerRpcInfo& call)
      : calls_(calls), call_(call) {
    // Anybody may ask for the health.
    if (RoleNeeded(call.method()) == Role::kNone) return;
    peer_ = PeerOf(*call.server_context());
    calls_.open_.Begin(peer_);
  }

  ~Interceptor() override {
    if (!peer_.empty()) calls_.open_.End(peer_);
  }

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    using grpc::experimental::InterceptionHookPoints;
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
      calls_.Record(call_, methods->GetSendStatus(), steady_clock::now() - begun_);
    }
    methods->Proceed();
  }

 private:
  AdminCalls& calls_;
  grpc::experimental::ServerRpcInfo& call_;
  const steady_clock::time_point begun_ = steady_clock::now();
  std::string peer_;  // without its family; empty: not counted
};

class AdminCalls::Factory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit Factory(AdminCalls& calls) : calls_(calls) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* call) override {
    return new Interceptor(calls_, *call);
  }

 private:
  AdminCalls& calls_;
};

AdminCalls::AdminCalls(const AdminAccess& access, LogSink& log) : access_(access), log_(log) {
  const auto add = [this](const google::protobuf::ServiceDescriptor& service) {
    for (int i = 0; i < service.method_count(); ++i) {
      const std::string& method = service.method(i)->name();
      AddMethod(absl::StrCat("/", service.full_name(), "/", method),
                absl::StrCat(service.name(), "/", method));
    }
  };
  add(*admin::v1::GetStatsRequest::descriptor()->file()->service(0));
  add(*grpc::health::v1::HealthCheckRequest::descriptor()->file()->service(0));
  // Debian's reflection library does not export its descriptors.
  AddMethod("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            "ServerReflection/ServerReflectionInfo");
  AddMethod("", "other");
}

void AdminCalls::AddMethod(const std::string& path, std::string name) {
  auto method = std::make_unique<Method>();
  method->name = std::move(name);
  if (!path.empty()) by_path_.emplace(path, method.get());
  methods_.push_back(std::move(method));
}

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>
AdminCalls::MakeInterceptors() {
  return std::make_unique<Factory>(*this);
}

void AdminCalls::Record(grpc::experimental::ServerRpcInfo& call, const grpc::Status& status,
                        std::chrono::nanoseconds took) {
  const auto found = by_path_.find(call.method());
  Method& method = found == by_path_.end() ? *methods_.back() : *found->second;
  const auto code = std::min(static_cast<std::size_t>(status.error_code()), kCodes - 1);
  method.ended[code].fetch_add(1, std::memory_order_relaxed);
  if (!log_.Enabled(LogLevel::kDebug)) return;
  log_.Write(LogLevel::kDebug,
             absl::StrFormat("admin: call %s from %s: %s in %.3f ms", method.name,
                             CallerOf(access_, *call.server_context()), CodeName(code),
                             std::chrono::duration<double, std::milli>(took).count()));
}

std::vector<AdminCallCount> AdminCalls::counts() const {
  std::vector<AdminCallCount> counts;
  for (const auto& method : methods_) {
    for (std::size_t code = 0; code < kCodes; ++code) {
      const std::uint64_t count = method->ended[code].load(std::memory_order_relaxed);
      if (count > 0 || code == 0) counts.push_back({method->name, CodeName(code), count});
    }
  }
  return counts;
}

}  // namespace echogw::server
