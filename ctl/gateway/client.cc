#include "ctl/gateway/client.h"

#include <grpcpp/support/channel_arguments.h>

#include <chrono>
#include <utility>

namespace echogw::ctl {

Client::Client(std::string target, Duration timeout, Access access)
    : target_(std::move(target)), timeout_(timeout), access_(std::move(access)) {}

Client::Client(std::string target, Duration timeout, std::unique_ptr<Admin> admin,
               std::unique_ptr<Health> health)
    : target_(std::move(target)),
      timeout_(timeout),
      admin_(std::move(admin)),
      health_(std::move(health)) {}

Client::Admin& Client::admin() {
  Connect();
  return *admin_;
}

Client::Health& Client::health() {
  Connect();
  return *health_;
}

void Client::SetDeadline(grpc::ClientContext& context) const {
  context.set_deadline(std::chrono::system_clock::now() + timeout_);
}

void Client::Connect() {
  if (admin_ && health_) return;
  grpc::ChannelArguments arguments;
  // A web proxy must not be used for an admin port.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // For verbs that retry: gRPC's default backoff grows to minutes.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  const auto channel = OpenChannel(target_, access_, arguments);
  admin_ = admin::v1::Admin::NewStub(channel);
  health_ = grpc::health::v1::Health::NewStub(channel);
}

}  // namespace echogw::ctl
