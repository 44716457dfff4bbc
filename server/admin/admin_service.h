// The admin RPCs: validate, call Control, convert; no decisions. The gateway owns it; it outlives
// the server that it is registered with. gRPC calls it on threads of its own, several at a time.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "echogw/admin/v1/admin.grpc.pb.h"
#include "reactor/base/log_sink.h"
#include "reactor/base/mutex.h"
#include "server/admin/call_threads.h"
#include "server/admin/change_log.h"
#include "server/admin/unread_answers.h"
#include "server/admin/watch_registry.h"
#include "server/gateway_info.h"
#include "server/log/event_log.h"
#include "server/log/log_control.h"
#include "server/pool/connection_control.h"
#include "server/pool/control.h"

namespace echogw::server {

namespace pb = admin::v1;

struct AdminServiceOptions {
  // What REFUSE_MODE_UNSPECIFIED stands for.
  RefuseMode refuse = RefuseMode::kAccept;
  // Watch streams of all kinds together. Each costs about 10 KiB, and a snapshot of all reactors
  // per interval.
  std::size_t watches_max = 64;
};

// What the service acts on; all of it outlives the service.
struct AdminTargets {
  Control& control;
  ConnectionControl& connections;
  EventLog& events;
  LogControl& log_control;
  LogSink& log;
  AdminAccess& access;
  const SharedGatewayInfo& info;
};

class AdminService final : public pb::Admin::CallbackService {
 public:
  AdminService(const AdminTargets& targets, AdminServiceOptions options);

  // After this every change of the gateway is refused with UNAVAILABLE: a stop is final.
  void BeginStop() { stopping_.store(true); }

  // Ends every watch stream and every call that waits for its turn with UNAVAILABLE, and refuses
  // new ones.
  void EndCalls();

  // Bytes of answers that callers have not read.
  [[nodiscard]] std::size_t unread_bytes() const { return answers_.bytes(); }

  using Context = grpc::CallbackServerContext;
  using Unary = grpc::ServerUnaryReactor;
  template <typename Response>
  using Stream = grpc::ServerWriteReactor<Response>;

  Unary* GetInfo(Context* context, const pb::GetInfoRequest* request,
                 pb::GetInfoResponse* response) override;
  Unary* GetStats(Context* context, const pb::GetStatsRequest* request,
                  pb::GetStatsResponse* response) override;
  Stream<pb::WatchStatsResponse>* WatchStats(Context* context,
                                             const pb::WatchStatsRequest* request) override;
  Unary* ListReactors(Context* context, const pb::ListReactorsRequest* request,
                      pb::ListReactorsResponse* response) override;
  Unary* Resize(Context* context, const pb::ResizeRequest* request,
                pb::ResizeResponse* response) override;
  Unary* Upgrade(Context* context, const pb::UpgradeRequest* request,
                 pb::UpgradeResponse* response) override;
  Unary* Move(Context* context, const pb::MoveRequest* request,
              pb::MoveResponse* response) override;
  Unary* Rebalance(Context* context, const pb::RebalanceRequest* request,
                   pb::RebalanceResponse* response) override;
  Unary* SetSteering(Context* context, const pb::SetSteeringRequest* request,
                     pb::SetSteeringResponse* response) override;
  Unary* Drain(Context* context, const pb::DrainRequest* request,
               pb::DrainResponse* response) override;
  Unary* Undrain(Context* context, const pb::UndrainRequest* request,
                 pb::UndrainResponse* response) override;
  Unary* GetOperation(Context* context, const pb::GetOperationRequest* request,
                      pb::GetOperationResponse* response) override;
  Stream<pb::WatchOperationResponse>* WatchOperation(
      Context* context, const pb::WatchOperationRequest* request) override;
  Unary* GetLimits(Context* context, const pb::GetLimitsRequest* request,
                   pb::GetLimitsResponse* response) override;
  Unary* SetLimits(Context* context, const pb::SetLimitsRequest* request,
                   pb::SetLimitsResponse* response) override;
  Unary* ListConnections(Context* context, const pb::ListConnectionsRequest* request,
                         pb::ListConnectionsResponse* response) override;
  Unary* GetConnection(Context* context, const pb::GetConnectionRequest* request,
                       pb::GetConnectionResponse* response) override;
  Unary* CloseConnections(Context* context, const pb::CloseConnectionsRequest* request,
                          pb::CloseConnectionsResponse* response) override;
  Stream<pb::WatchConnectionsResponse>* WatchConnections(
      Context* context, const pb::WatchConnectionsRequest* request) override;
  Unary* ListEvents(Context* context, const pb::ListEventsRequest* request,
                    pb::ListEventsResponse* response) override;
  Stream<pb::WatchEventsResponse>* WatchEvents(Context* context,
                                               const pb::WatchEventsRequest* request) override;
  Unary* SetLogLevel(Context* context, const pb::SetLogLevelRequest* request,
                     pb::SetLogLevelResponse* response) override;

 private:
  using Message = google::protobuf::Message;

  // Ends the call.
  Unary* Reply(Context* context, const Message& response,
               const absl::Status& status = absl::OkStatus());
  // Ends the call with what `work` returns, which runs on one of `threads` because it waits for
  // reactors. Request and response live until then.
  Unary* ReplyLater(CallThreads& threads, Context* context, const Message& response,
                    std::function<absl::Status()> work);
  // Ends a call that changes the gateway, and records it. The change is refused while the gateway
  // stops and for an invalid request.
  template <typename Request, typename Work>
  Unary* Change(Context* context, const char* method, const absl::StatusOr<Request>& request,
                const Message& response, const Work& work);
  // The same for one that waits for reactors.
  template <typename Request, typename Work>
  Unary* ChangeLater(Context* context, const char* method, const absl::StatusOr<Request>& request,
                     const Message& response, const Work& work);

  const AdminTargets to_;
  const AdminServiceOptions options_;
  // Writer: BeginStop. Readers: any RPC; no order is needed.
  std::atomic<bool> stopping_{false};
  ChangeLog changes_;
  WatchRegistry watches_;
  UnreadAnswers answers_;
  // Last, so that their calls end before what they use. Changes do not wait for those who look: a
  // viewer's listings of a busy gateway take long.
  CallThreads queries_;
  CallThreads slow_changes_;
};

}  // namespace echogw::server
