// Counts every admin call that ended, and logs it at level debug with its caller. The gateway owns
// it; it outlives the admin server, whose threads call it, several at a time. Calls that were
// refused before they began are counted by AdminAccess.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "reactor/base/log_sink.h"
#include "server/access/admin_access.h"
#include "server/access/open_calls.h"
#include "server/admin/admin_call_counts.h"

namespace grpc {
class Status;
namespace experimental {
class ServerInterceptorFactoryInterface;
class ServerRpcInfo;
}  // namespace experimental
}  // namespace grpc

namespace echogw::server {

class AdminCalls final : public AdminCallCounts {
 public:
  AdminCalls(const AdminAccess& access, LogSink& log);

  // For the server builder.
  [[nodiscard]] std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>
  MakeInterceptors();

  [[nodiscard]] const OpenCalls& open() const { return open_; }

  // The methods are those of the server; calls of any other are counted as "other".
  [[nodiscard]] std::vector<AdminCallCount> counts() const override;
  [[nodiscard]] RefusalCounts refused() const override { return access_.refused(); }

 private:
  class Interceptor;
  class Factory;
  // The status codes of gRPC, from OK to UNAUTHENTICATED.
  static constexpr std::size_t kCodes = 17;
  struct Method {
    std::string name;
    // Writers: any call. Readers: threads of the exporter; no order is needed.
    std::array<std::atomic<std::uint64_t>, kCodes> ended{};
  };

  void AddMethod(const std::string& path, std::string name);
  void Record(grpc::experimental::ServerRpcInfo& call, const grpc::Status& status,
              std::chrono::nanoseconds took);

  const AdminAccess& access_;
  LogSink& log_;
  OpenCalls open_;
  // Constant after construction except for the counts. The last method is "other".
  std::vector<std::unique_ptr<Method>> methods_;
  std::unordered_map<std::string, Method*> by_path_;
};

}  // namespace echogw::server
