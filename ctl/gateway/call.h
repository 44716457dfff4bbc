// How a verb talks to the gateway: one call, or one stream to its end. Names an RPC by its member
// of the stub, as in Call<&Admin::GetInfo>(context). For the thread that runs the verb.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "ctl/base/command.h"
#include "ctl/base/interrupt.h"
#include "ctl/base/watchdog.h"
#include "ctl/gateway/client.h"
#include "ctl/gateway/rpc_error.h"
#include "ctl/output/emit.h"

namespace echogw::ctl {

using Admin = Client::Admin;

template <typename Method>
struct RpcTypes;
template <typename StubType, typename RequestType, typename ResponseType>
struct RpcTypes<grpc::Status (StubType::*)(grpc::ClientContext*, const RequestType&,
                                           ResponseType*)> {
  using Stub = StubType;
  using Request = RequestType;
  using Response = ResponseType;
};
template <typename StubType, typename RequestType, typename ResponseType>
struct RpcTypes<std::unique_ptr<grpc::ClientReaderInterface<ResponseType>> (StubType::*)(
    grpc::ClientContext*, const RequestType&)> {
  using Stub = StubType;
  using Request = RequestType;
  using Response = ResponseType;
};

template <auto kMethod>
using RequestOf = typename RpcTypes<decltype(kMethod)>::Request;
template <auto kMethod>
using ResponseOf = typename RpcTypes<decltype(kMethod)>::Response;

// Whether a call met a process that is ending.
inline bool IsEnding(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::UNAVAILABLE ||
         status.error_code() == grpc::StatusCode::CANCELLED;
}

template <typename Response>
struct Reply {
  grpc::Status status;
  Response message;
};

// One unary call with the client's deadline.
template <auto kMethod>
Reply<ResponseOf<kMethod>> Call(Client& client, const RequestOf<kMethod>& request = {}) {
  using Stub = typename RpcTypes<decltype(kMethod)>::Stub;
  grpc::ClientContext call;
  client.SetDeadline(call);
  Reply<ResponseOf<kMethod>> reply;
  reply.status = (client.stub<Stub>().*kMethod)(&call, request, &reply.message);
  return reply;
}
template <auto kMethod>
Reply<ResponseOf<kMethod>> Call(CommandContext& context, const RequestOf<kMethod>& request = {}) {
  return Call<kMethod>(context.client, request);
}

// How often, and for how long, to look for the process that follows by an upgrade.
inline constexpr std::chrono::milliseconds kUpgradePause{20};
inline constexpr int kUpgradeTries = 50;

// As Call, and again for up to a second if the process that was asked is ending: by an upgrade,
// another one takes its place.
template <auto kMethod>
Reply<ResponseOf<kMethod>> CallThroughUpgrade(Client& client,
                                              const RequestOf<kMethod>& request = {}) {
  Reply<ResponseOf<kMethod>> reply = Call<kMethod>(client, request);
  for (int tries = 1; tries < kUpgradeTries && IsEnding(reply.status); ++tries) {
    std::this_thread::sleep_for(kUpgradePause);
    reply = Call<kMethod>(client, request);
  }
  return reply;
}

// A verb in whole: calls, and emits the response, whose table `print(response)` writes.
template <auto kMethod, typename Print>
ExitCode CallAndEmit(CommandContext& context, const RequestOf<kMethod>& request, Print print) {
  const auto reply = Call<kMethod>(context, request);
  if (!reply.status.ok()) return FailRpc(context, reply.status);
  return Emit(context, reply.message, [&] { print(reply.message); });
}

// What every stream has: its call, and what ends it early. Any thread may cancel the call.
class StreamCall {
 public:
  // Without a message for `silence` the call is cancelled.
  StreamCall(CommandContext& context, Duration silence)
      : client_(context.client),
        health_(context.client.health()),
        guard_(context.interrupt.Arm([this] { call_.TryCancel(); })),
        watchdog_(silence, [this] { call_.TryCancel(); }) {}
  ~StreamCall() { StopWatching(); }

  grpc::ClientContext& call() { return call_; }
  void Feed() { watchdog_.Feed(); }
  // Silence is a failure only if a health check gets no response either.
  void AllowSilence() {
    watchdog_.AskBefore([this] { return Responds(); });
  }
  // `status`, or DEADLINE_EXCEEDED after silence.
  grpc::Status Finish(const grpc::Status& status) {
    StopWatching();
    return watchdog_.has_bitten() ? grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED, "") : status;
  }

 private:
  bool Responds() {
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
  void StopWatching() {
    watchdog_.Stop();
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    if (probe_ != nullptr) probe_->TryCancel();
  }

  Client& client_;
  Client::Health& health_;
  grpc::ClientContext call_;
  std::mutex mutex_;
  // Both under mutex_. The health check in flight, or null.
  grpc::ClientContext* probe_ = nullptr;
  bool stopped_ = false;
  Interrupt::Guard guard_;
  Watchdog watchdog_;
};

// A stream that ends by Ctrl-C, by the reader of our output going away, or by silence.
template <auto kMethod>
class Stream {
 public:
  using Response = ResponseOf<kMethod>;

  // Without a message for `silence` the stream fails with DEADLINE_EXCEEDED.
  Stream(CommandContext& context, const RequestOf<kMethod>& request, Duration silence)
      : context_(context), silence_(silence) {
    Begin(request);
  }

  void AllowSilence() {
    silence_allowed_ = true;
    call_->AllowSilence();
  }

  // Read() is false soon.
  void Cancel() { call_->call().TryCancel(); }

  // False at the end.
  bool Read(Response& response) {
    if (!context_.out) call_->call().TryCancel();
    const bool read = reader_->Read(&response);
    if (read) call_->Feed();
    return read;
  }

  // After Read() was false: begins again with `request` if that was because an upgrade has replaced
  // the process. `upgrades` is how many there had been, and is updated.
  bool Resume(const RequestOf<kMethod>& request, std::uint64_t& upgrades) {
    ended_ = call_->Finish(reader_->Finish());
    if (context_.interrupt.requested() || !context_.out || !IsEnding(*ended_)) return false;
    // The process that ends may still answer.
    std::uint64_t now = upgrades;
    for (int tries = 0; tries < kUpgradeTries && now <= upgrades; ++tries) {
      if (tries > 0) std::this_thread::sleep_for(kUpgradePause);
      const auto reply = Call<&Admin::GetStats>(context_.client);
      if (reply.status.ok()) now = reply.message.upgrades();
    }
    if (now <= upgrades) return false;
    upgrades = now;
    ended_.reset();
    Begin(request);
    if (silence_allowed_) call_->AllowSilence();
    return true;
  }

  // Only once, after Read() was false.
  grpc::Status Finish() { return ended_ ? *ended_ : call_->Finish(reader_->Finish()); }

  // In place of Finish, for a stream that is meant to last.
  ExitCode End() { return EndOfStream(context_, Finish()); }

 private:
  void Begin(const RequestOf<kMethod>& request) {
    reader_.reset();
    call_.emplace(context_, silence_);
    reader_ = (context_.client.admin().*kMethod)(&call_->call(), request);
  }

  CommandContext& context_;
  const Duration silence_;
  bool silence_allowed_ = false;
  std::optional<StreamCall> call_;
  std::unique_ptr<grpc::ClientReaderInterface<Response>> reader_;
  std::optional<grpc::Status> ended_;
};

}  // namespace echogw::ctl
