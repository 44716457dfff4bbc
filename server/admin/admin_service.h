// The admin RPCs: validate, call Control, convert; no decisions. The gateway owns it; it outlives
// the server that it is registered with. gRPC calls it on threads of its own, several at a time.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "echogw/admin/v1/admin.grpc.pb.h"
#include "reactor/base/log_sink.h"
#include "server/admin/call_thread.h"
#include "server/admin/messages/convert.h"
#include "server/admin/watch_registry.h"
#include "server/gateway_info.h"
#include "server/log/event_log.h"
#include "server/pool/connection_control.h"
#include "server/pool/control.h"

namespace echogw::server {

struct LogLevels {
  std::string console;
  std::string file;  // empty: there is none
};

struct AdminServiceOptions {
  // What REFUSE_MODE_UNSPECIFIED stands for.
  RefuseMode refuse = RefuseMode::kAccept;
  // Streams of WatchStats and WatchOperation together. Each costs some 10 KiB, and a snapshot of
  // all reactors per interval.
  std::size_t watches_max = 64;
  // Lines that the log has dropped so far.
  std::function<std::uint64_t()> log_lines_dropped = [] { return std::uint64_t{0}; };
  // Sets the level of either log or both; InvalidArgument for a level that is none.
  std::function<absl::Status(bool console, bool file, const std::string& level)> set_log_level =
      [](bool, bool, const std::string&) { return absl::UnimplementedError("no log"); };
  std::function<LogLevels()> log_levels = [] { return LogLevels{}; };
  // Who makes a call, beside its peer's address; empty if nobody is asked.
  std::function<std::string(const grpc::ServerContextBase&)> name_of =
      [](const grpc::ServerContextBase&) { return std::string(); };
};

class AdminService final : public pb::Admin::CallbackService {
 public:
  // What changes the gateway is logged and recorded as an event with the peer's address. What is
  // referred to outlives this.
  AdminService(Control& control, ConnectionControl& connections, EventLog& events, GatewayInfo info,
               AdminServiceOptions options, LogSink& log);

  // Once the addresses are known that were not at construction.
  void SetInfo(GatewayInfo info);

  // From here on everything that changes the gateway is refused with UNAVAILABLE: a stop is final.
  void BeginStop() { stopping_.store(true); }

  // Ends every watch stream with UNAVAILABLE, and refuses new ones.
  void EndWatches() { watches_.EndAll(); }

  grpc::ServerUnaryReactor* GetInfo(grpc::CallbackServerContext* context,
                                    const pb::GetInfoRequest* request,
                                    pb::GetInfoResponse* response) override;
  grpc::ServerUnaryReactor* GetStats(grpc::CallbackServerContext* context,
                                     const pb::GetStatsRequest* request,
                                     pb::GetStatsResponse* response) override;
  grpc::ServerWriteReactor<pb::WatchStatsResponse>* WatchStats(
      grpc::CallbackServerContext* context, const pb::WatchStatsRequest* request) override;
  grpc::ServerUnaryReactor* ListReactors(grpc::CallbackServerContext* context,
                                         const pb::ListReactorsRequest* request,
                                         pb::ListReactorsResponse* response) override;
  grpc::ServerUnaryReactor* Resize(grpc::CallbackServerContext* context,
                                   const pb::ResizeRequest* request,
                                   pb::ResizeResponse* response) override;
  grpc::ServerUnaryReactor* Move(grpc::CallbackServerContext* context,
                                 const pb::MoveRequest* request,
                                 pb::MoveResponse* response) override;
  grpc::ServerUnaryReactor* Rebalance(grpc::CallbackServerContext* context,
                                      const pb::RebalanceRequest* request,
                                      pb::RebalanceResponse* response) override;
  grpc::ServerUnaryReactor* SetSteering(grpc::CallbackServerContext* context,
                                        const pb::SetSteeringRequest* request,
                                        pb::SetSteeringResponse* response) override;
  grpc::ServerUnaryReactor* Drain(grpc::CallbackServerContext* context,
                                  const pb::DrainRequest* request,
                                  pb::DrainResponse* response) override;
  grpc::ServerUnaryReactor* Undrain(grpc::CallbackServerContext* context,
                                    const pb::UndrainRequest* request,
                                    pb::UndrainResponse* response) override;
  grpc::ServerUnaryReactor* GetOperation(grpc::CallbackServerContext* context,
                                         const pb::GetOperationRequest* request,
                                         pb::GetOperationResponse* response) override;
  grpc::ServerWriteReactor<pb::WatchOperationResponse>* WatchOperation(
      grpc::CallbackServerContext* context, const pb::WatchOperationRequest* request) override;

  // admin_limits.cc
  grpc::ServerUnaryReactor* GetLimits(grpc::CallbackServerContext* context,
                                      const pb::GetLimitsRequest* request,
                                      pb::GetLimitsResponse* response) override;
  grpc::ServerUnaryReactor* SetLimits(grpc::CallbackServerContext* context,
                                      const pb::SetLimitsRequest* request,
                                      pb::SetLimitsResponse* response) override;

  // admin_connections.cc
  grpc::ServerUnaryReactor* ListConnections(grpc::CallbackServerContext* context,
                                            const pb::ListConnectionsRequest* request,
                                            pb::ListConnectionsResponse* response) override;
  grpc::ServerUnaryReactor* GetConnection(grpc::CallbackServerContext* context,
                                          const pb::GetConnectionRequest* request,
                                          pb::GetConnectionResponse* response) override;
  grpc::ServerUnaryReactor* CloseConnections(grpc::CallbackServerContext* context,
                                             const pb::CloseConnectionsRequest* request,
                                             pb::CloseConnectionsResponse* response) override;
  grpc::ServerWriteReactor<pb::WatchConnectionsResponse>* WatchConnections(
      grpc::CallbackServerContext* context, const pb::WatchConnectionsRequest* request) override;
  grpc::ServerUnaryReactor* ListEvents(grpc::CallbackServerContext* context,
                                       const pb::ListEventsRequest* request,
                                       pb::ListEventsResponse* response) override;
  grpc::ServerWriteReactor<pb::WatchEventsResponse>* WatchEvents(
      grpc::CallbackServerContext* context, const pb::WatchEventsRequest* request) override;
  grpc::ServerUnaryReactor* SetLogLevel(grpc::CallbackServerContext* context,
                                        const pb::SetLogLevelRequest* request,
                                        pb::SetLogLevelResponse* response) override;

 private:
  grpc::ServerUnaryReactor* FinishLater(grpc::CallbackServerContext* context,
                                        std::function<absl::Status()> work);
  // "token ci at ipv4:127.0.0.1:4711", or the address alone.
  [[nodiscard]] std::string CallerOf(const grpc::CallbackServerContext& context) const;
  // Logs a change of the gateway, done or refused, and records it as an event: in `place`, if it
  // has one.
  void RecordChange(const std::string& caller, const char* method, const absl::Status& status,
                    const std::string& outcome, std::uint64_t operation = 0,
                    EventLog::Place* place = nullptr);
  // Ends the call with `status`, and logs it as a change of the gateway.
  grpc::ServerUnaryReactor* FinishChange(grpc::CallbackServerContext* context, const char* method,
                                         const absl::Status& status, const std::string& outcome,
                                         std::uint64_t operation = 0,
                                         EventLog::Place* place = nullptr);
  // Makes the call that begins an operation, whose end is recorded after it, and ends the RPC as
  // above; the operation goes into `message`.
  grpc::ServerUnaryReactor* BeginOperation(grpc::CallbackServerContext* context, const char* method,
                                           const std::function<absl::StatusOr<Operation>()>& begin,
                                           pb::Operation* message);
  // OK unless the gateway stops.
  [[nodiscard]] absl::Status MayChange() const;
  void FillStats(pb::GetStatsResponse& to) const;

  Control& control_;
  ConnectionControl& connections_;
  EventLog& events_;
  LogSink& log_;
  const AdminServiceOptions options_;
  // Uptime is counted from here, whatever becomes of the wall clock.
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  // Writer: BeginStop. Readers: any RPC; one that overtakes it is one that came before.
  std::atomic<bool> stopping_{false};
  mutable std::mutex info_mutex_;
  GatewayInfo info_;  // guarded by info_mutex_
  WatchRegistry watches_;
  CallThread calls_;  // last, so that its calls end before what they use
};

}  // namespace echogw::server
