#include "ctl/gateway/call.h"

namespace echogw::ctl {

StreamCall::StreamCall(CommandContext& context, Duration silence)
    : client_(context.client),
      health_(context.client.health()),
      guard_(context.interrupt.Arm([this] { call_.TryCancel(); })),
      watchdog_(silence, [this] { call_.TryCancel(); }) {}

StreamCall::~StreamCall() { StopWatching(); }

void StreamCall::AllowSilence() {
  watchdog_.AskBefore([this] { return Responds(); });
}

grpc::Status StreamCall::Finish(const grpc::Status& status) {
  StopWatching();
  return watchdog_.has_bitten() ? grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED, "") : status;
}

bool StreamCall::Responds() {
  grpc::ClientContext probe;
  client_.SetDeadline(probe);
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return true;
    probe_ = &probe;
  }
  grpc::health::v1::HealthCheckResponse response;
  const grpc::StatusCode code = health_.Check(&probe, {}, &response).error_code();
  const std::lock_guard lock(mutex_);
  probe_ = nullptr;
  // Any other response, as PERMISSION_DENIED, is one.
  return code != grpc::StatusCode::DEADLINE_EXCEEDED && code != grpc::StatusCode::UNAVAILABLE;
}

void StreamCall::StopWatching() {
  watchdog_.Stop();
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  if (probe_ != nullptr) probe_->TryCancel();
}

}  // namespace echogw::ctl
