// The connection to one gateway: its two stubs and the deadline of a call. Connects at the first
// use, so a verb that needs no gateway starts no gRPC thread. The stubs are safe on any thread, the
// rest belongs to the thread that runs the verb.
#pragma once

#include <grpcpp/client_context.h>

#include <chrono>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "ctl/base/duration.h"
#include "ctl/gateway/access.h"
#include "echogw/admin/v1/admin.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace echogw::ctl {

class Client {
 public:
  using Admin = admin::v1::Admin::StubInterface;
  using Health = grpc::health::v1::Health::StubInterface;

  // `target` is HOST:PORT or unix:PATH and has been validated.
  Client(std::string target, Duration timeout, Access access = {})
      : target_(std::move(target)), timeout_(timeout), access_(std::move(access)) {}

  Admin& admin() {
    Connect();
    return *admin_;
  }
  Health& health() {
    Connect();
    return *health_;
  }
  template <typename Stub>
  Stub& stub() {
    if constexpr (std::is_same_v<Stub, Health>) {
      return health();
    } else {
      return admin();
    }
  }

  // The next use connects again, perhaps to another address of the target. The stubs end.
  void Disconnect() {
    admin_.reset();
    health_.reset();
  }

  // For a unary call.
  void SetDeadline(grpc::ClientContext& context) const {
    context.set_deadline(std::chrono::system_clock::now() + timeout_);
  }

  [[nodiscard]] const std::string& target() const { return target_; }
  [[nodiscard]] Duration timeout() const { return timeout_; }
  [[nodiscard]] const Access& access() const { return access_; }

 private:
  void Connect() {
    if (admin_) return;
    const auto channel = OpenChannel(target_, access_, timeout_);
    admin_ = admin::v1::Admin::NewStub(channel);
    health_ = grpc::health::v1::Health::NewStub(channel);
  }

  std::string target_;
  Duration timeout_;
  Access access_;
  std::unique_ptr<Admin> admin_;
  std::unique_ptr<Health> health_;
};

}  // namespace echogw::ctl
