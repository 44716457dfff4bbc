// How a verb talks to the gateway: one call, or one stream to its end. Names an RPC by its member
// of the stub, as in Call<&Admin::GetInfo>(context). For the thread that runs the verb.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <memory>

#include "ctl/cli/command.h"
#include "ctl/cli/interrupt.h"
#include "ctl/cli/watchdog.h"
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

template <typename Response>
struct Reply {
  grpc::Status status;
  Response message;
};

// One unary call with the client's deadline.
template <auto kMethod>
Reply<ResponseOf<kMethod>> Call(CommandContext& context, const RequestOf<kMethod>& request = {}) {
  using Stub = typename RpcTypes<decltype(kMethod)>::Stub;
  grpc::ClientContext call;
  context.client.SetDeadline(call);
  Reply<ResponseOf<kMethod>> reply;
  reply.status = (context.client.stub<Stub>().*kMethod)(&call, request, &reply.message);
  return reply;
}

// A verb in whole: calls, and emits the response, whose table `print(response)` writes.
template <auto kMethod, typename Print>
ExitCode CallAndEmit(CommandContext& context, const RequestOf<kMethod>& request, Print print) {
  const auto reply = Call<kMethod>(context, request);
  if (!reply.status.ok()) return FailRpc(context, reply.status);
  return Emit(context, reply.message, [&] { print(reply.message); });
}

// A stream that Ctrl-C ends, or the reader of our output who went away, or silence.
template <auto kMethod>
class Stream {
 public:
  using Response = ResponseOf<kMethod>;

  // Without a message for `silence` the stream fails with DEADLINE_EXCEEDED.
  Stream(CommandContext& context, const RequestOf<kMethod>& request, Duration silence)
      : context_(context),
        guard_(context.interrupt.Arm([this] { call_.TryCancel(); })),
        watchdog_(silence, [this] { call_.TryCancel(); }),
        reader_((context.client.admin().*kMethod)(&call_, request)) {}

  // The next message may be a long time away from here on.
  void AllowSilence() { watchdog_.Stop(); }

  // Read() is false soon.
  void Cancel() { call_.TryCancel(); }

  // False at the end.
  bool Read(Response& response) {
    if (!context_.out) call_.TryCancel();
    const bool read = reader_->Read(&response);
    if (read) watchdog_.Feed();
    return read;
  }

  // Only once, after Read() was false.
  grpc::Status Finish() {
    watchdog_.Stop();
    const grpc::Status status = reader_->Finish();
    return watchdog_.has_bitten() ? grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED, "") : status;
  }

  // In place of Finish, for a stream that is meant to last.
  ExitCode End() { return EndOfStream(context_, Finish()); }

 private:
  CommandContext& context_;
  grpc::ClientContext call_;
  Interrupt::Guard guard_;
  Watchdog watchdog_;
  std::unique_ptr<grpc::ClientReaderInterface<Response>> reader_;
};

}  // namespace echogw::ctl
