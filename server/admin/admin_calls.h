// Counts every admin call that ended, and logs it at level debug with who made it. The gateway owns
// it; it outlives the admin server, whose threads call it, several at a time. Calls that were
// refused before they began are counted by AdminAccess instead.
#pragma once

#include <grpcpp/support/server_interceptor.h>
#include <grpcpp/support/status.h>

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

namespace echogw::server {

// How often a method ended with a code.
struct AdminCallCount {
  std::string method;  // "Admin/GetStats", "Health/Check", "other"
  std::string code;    // "OK", "NOT_FOUND"
  std::uint64_t count = 0;
};

class AdminCalls {
 public:
  AdminCalls(const AdminAccess& access, LogSink& log);

  // To be given to the builder of the server.
  [[nodiscard]] std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>
  MakeInterceptors();

  // Each method with OK, even if it was never called, and with every other code that it ended with.
  // There are as many methods as the server has, whatever strangers ask for: the rest is "other".
  [[nodiscard]] std::vector<AdminCallCount> counts() const;

 private:
  class Interceptor;
  class Factory;
  // As many as gRPC has, from OK to UNAUTHENTICATED.
  static constexpr std::size_t kCodes = 17;
  struct Method {
    std::string name;
    // Writers: any call. Readers: threads of the exporter; nothing depends on their order.
    std::array<std::atomic<std::uint64_t>, kCodes> ended{};
  };

  void AddMethod(const std::string& path, std::string name);
  void Record(grpc::experimental::ServerRpcInfo& call, const grpc::Status& status,
              std::chrono::nanoseconds took);

  const AdminAccess& access_;
  LogSink& log_;
  // Both constant after construction, but for the counts. The last method is "other".
  std::vector<std::unique_ptr<Method>> methods_;
  std::unordered_map<std::string, Method*> by_path_;
};

}  // namespace echogw::server
