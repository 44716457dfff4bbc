// A gateway that is all script: a real gRPC server on a port of its own choice whose answers the
// test sets and whose requests the test reads. Set answers before the call that needs them.
#pragma once

#include <grpcpp/server.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "echogw/admin/v1/admin.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace echogw::ctl {

class FakeGateway : public admin::v1::Admin::Service {
 public:
  // What every call does first.
  struct Script {
    // Returned in place of an answer when it is not OK.
    grpc::Status status;
    // Answer only when the caller has given up.
    std::atomic<bool> hang{false};
    // Updates after which WatchStats ends by itself; 0 for never.
    int watch_updates = 0;
    // How a stream ends.
    grpc::Status watch_end;
    // After their updates WatchOperation, WatchConnections and WatchEvents keep the stream open
    // until the caller gives up.
    bool watch_stays = false;
    // ListConnections answers each page with the token that it was asked with.
    bool stuck_page = false;
  };

  // Everything the fake was asked, newest last.
  struct Requests {
    std::vector<admin::v1::WatchStatsRequest> watch_stats;
    std::vector<admin::v1::ResizeRequest> resize;
    std::vector<admin::v1::UpgradeRequest> upgrade;
    std::vector<admin::v1::MoveRequest> move;
    std::vector<admin::v1::RebalanceRequest> rebalance;
    std::vector<admin::v1::SetSteeringRequest> steer;
    std::vector<admin::v1::DrainRequest> drain;
    std::vector<admin::v1::UndrainRequest> undrain;
    std::vector<admin::v1::GetOperationRequest> get_operation;
    std::vector<admin::v1::WatchOperationRequest> watch_operation;
    std::vector<admin::v1::ListConnectionsRequest> list_connections;
    std::vector<admin::v1::GetConnectionRequest> get_connection;
    std::vector<admin::v1::CloseConnectionsRequest> close_connections;
    std::vector<admin::v1::WatchConnectionsRequest> watch_connections;
    std::vector<admin::v1::ListEventsRequest> list_events;
    std::vector<admin::v1::WatchEventsRequest> watch_events;
    std::vector<admin::v1::SetLimitsRequest> set_limits;
    std::vector<admin::v1::SetLogLevelRequest> set_log_level;
    std::vector<std::string> health_services;
  };

  // Listens on `address`, by default a free port of the loopback.
  explicit FakeGateway(const std::string& address = "127.0.0.1:0");
  ~FakeGateway() override;

  // What `--target` takes.
  [[nodiscard]] const std::string& target() const { return target_; }
  [[nodiscard]] Requests requests() const;

  Script script;
  admin::v1::GetInfoResponse info;
  admin::v1::GetStatsResponse stats;
  // What WatchStats sends, in turn and the last one again and again; `stats` with rising counters
  // if there are none.
  std::vector<admin::v1::GetStatsResponse> stats_updates;
  admin::v1::ListReactorsResponse reactors;
  // Answered by every call that begins an operation, and by GetOperation.
  admin::v1::Operation operation;
  // What WatchOperation sends, in turn.
  std::vector<admin::v1::Operation> operation_updates;
  // Likewise, from the second stream on; empty: the same.
  std::vector<admin::v1::Operation> later_updates;
  admin::v1::RebalanceResponse rebalance;
  admin::v1::SetSteeringResponse steering;
  admin::v1::UndrainResponse undrain;
  // All of them match; ListConnections cuts them into pages of the size it is asked for.
  std::vector<admin::v1::Connection> connections;
  admin::v1::GetConnectionResponse connection;
  admin::v1::CloseConnectionsResponse close;
  std::vector<admin::v1::WatchConnectionsResponse> connection_updates;
  admin::v1::ListEventsResponse events;
  std::vector<admin::v1::WatchEventsResponse> event_updates;
  admin::v1::SetLimitsResponse limits;
  admin::v1::SetLogLevelResponse log_levels;
  grpc::health::v1::HealthCheckResponse::ServingStatus health =
      grpc::health::v1::HealthCheckResponse::SERVING;

  grpc::Status GetInfo(grpc::ServerContext* call, const admin::v1::GetInfoRequest* request,
                       admin::v1::GetInfoResponse* response) override;
  grpc::Status GetStats(grpc::ServerContext* call, const admin::v1::GetStatsRequest* request,
                        admin::v1::GetStatsResponse* response) override;
  grpc::Status WatchStats(grpc::ServerContext* call, const admin::v1::WatchStatsRequest* request,
                          grpc::ServerWriter<admin::v1::WatchStatsResponse>* writer) override;
  grpc::Status ListReactors(grpc::ServerContext* call,
                            const admin::v1::ListReactorsRequest* request,
                            admin::v1::ListReactorsResponse* response) override;
  grpc::Status Resize(grpc::ServerContext* call, const admin::v1::ResizeRequest* request,
                      admin::v1::ResizeResponse* response) override;
  grpc::Status Upgrade(grpc::ServerContext* call, const admin::v1::UpgradeRequest* request,
                       admin::v1::UpgradeResponse* response) override;
  grpc::Status Move(grpc::ServerContext* call, const admin::v1::MoveRequest* request,
                    admin::v1::MoveResponse* response) override;
  grpc::Status Rebalance(grpc::ServerContext* call, const admin::v1::RebalanceRequest* request,
                         admin::v1::RebalanceResponse* response) override;
  grpc::Status SetSteering(grpc::ServerContext* call, const admin::v1::SetSteeringRequest* request,
                           admin::v1::SetSteeringResponse* response) override;
  grpc::Status Drain(grpc::ServerContext* call, const admin::v1::DrainRequest* request,
                     admin::v1::DrainResponse* response) override;
  grpc::Status Undrain(grpc::ServerContext* call, const admin::v1::UndrainRequest* request,
                       admin::v1::UndrainResponse* response) override;
  grpc::Status GetOperation(grpc::ServerContext* call,
                            const admin::v1::GetOperationRequest* request,
                            admin::v1::GetOperationResponse* response) override;
  grpc::Status WatchOperation(
      grpc::ServerContext* call, const admin::v1::WatchOperationRequest* request,
      grpc::ServerWriter<admin::v1::WatchOperationResponse>* writer) override;
  grpc::Status ListConnections(grpc::ServerContext* call,
                               const admin::v1::ListConnectionsRequest* request,
                               admin::v1::ListConnectionsResponse* response) override;
  grpc::Status GetConnection(grpc::ServerContext* call,
                             const admin::v1::GetConnectionRequest* request,
                             admin::v1::GetConnectionResponse* response) override;
  grpc::Status CloseConnections(grpc::ServerContext* call,
                                const admin::v1::CloseConnectionsRequest* request,
                                admin::v1::CloseConnectionsResponse* response) override;
  grpc::Status WatchConnections(
      grpc::ServerContext* call, const admin::v1::WatchConnectionsRequest* request,
      grpc::ServerWriter<admin::v1::WatchConnectionsResponse>* writer) override;
  grpc::Status ListEvents(grpc::ServerContext* call, const admin::v1::ListEventsRequest* request,
                          admin::v1::ListEventsResponse* response) override;
  grpc::Status WatchEvents(grpc::ServerContext* call, const admin::v1::WatchEventsRequest* request,
                           grpc::ServerWriter<admin::v1::WatchEventsResponse>* writer) override;
  // The limits of `limits`, before and after.
  grpc::Status GetLimits(grpc::ServerContext* call, const admin::v1::GetLimitsRequest* request,
                         admin::v1::GetLimitsResponse* response) override;
  grpc::Status SetLimits(grpc::ServerContext* call, const admin::v1::SetLimitsRequest* request,
                         admin::v1::SetLimitsResponse* response) override;
  grpc::Status SetLogLevel(grpc::ServerContext* call, const admin::v1::SetLogLevelRequest* request,
                           admin::v1::SetLogLevelResponse* response) override;

 private:
  class Health : public grpc::health::v1::Health::Service {
   public:
    explicit Health(FakeGateway& gateway) : gateway_(gateway) {}
    grpc::Status Check(grpc::ServerContext* call,
                       const grpc::health::v1::HealthCheckRequest* request,
                       grpc::health::v1::HealthCheckResponse* response) override;

   private:
    FakeGateway& gateway_;
  };

  // Applies the script's beginning: what to return at once, or OK to go on.
  grpc::Status Begin(grpc::ServerContext* call);
  // Until the caller gives up or the fake dies; false for the latter or when `time` has passed.
  bool WaitForCaller(grpc::ServerContext* call, std::chrono::milliseconds time);
  [[nodiscard]] bool is_stopping() const;

  // Sends `updates` in turn and ends as the script says.
  template <typename Response>
  grpc::Status Send(grpc::ServerContext* call, const std::vector<Response>& updates,
                    grpc::ServerWriter<Response>* writer) {
    for (const Response& update : updates) {
      if (!writer->Write(update)) return grpc::Status::CANCELLED;
    }
    if (script.watch_stays) WaitForCaller(call, std::chrono::seconds(30));
    return script.watch_end;
  }

  template <typename Request>
  void Record(std::vector<Request> Requests::*list, const Request& request) {
    const std::lock_guard lock(mutex_);
    (requests_.*list).push_back(request);
  }

  Health health_service_{*this};
  std::unique_ptr<grpc::Server> server_;
  std::string target_;
  mutable std::mutex mutex_;
  std::condition_variable stopping_changed_;
  // Both under mutex_.
  bool stopping_ = false;
  Requests requests_;
};

// A gateway with two serving reactors and one parked, with figures that differ everywhere.
admin::v1::GetStatsResponse SampleStats();
admin::v1::GetInfoResponse SampleInfo();
// A resize 8 -> 2 with number 7, running or at its end.
admin::v1::Operation SampleOperation(admin::v1::OperationResult result);
// Connection `id` of reactor `id` modulo 2, open, with figures that grow with its id.
admin::v1::Connection SampleConnection(std::uint64_t id);
admin::v1::Event SampleEvent(std::uint64_t id);

}  // namespace echogw::ctl
