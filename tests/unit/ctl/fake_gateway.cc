#include "tests/unit/ctl/fake_gateway.h"

#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace echogw::ctl {

using namespace admin::v1;  // NOLINT: the file is about nothing else

FakeGateway::FakeGateway(const std::string& address) {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(static_cast<Admin::Service*>(this));
  builder.RegisterService(&health_service_);
  server_ = builder.BuildAndStart();
  EXPECT_NE(server_, nullptr) << address;
  target_ = absl::StartsWith(address, "unix:") ? address : absl::StrCat("127.0.0.1:", port);
}

FakeGateway::~FakeGateway() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopping_changed_.notify_all();
  server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(5));
}

FakeGateway::Requests FakeGateway::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

bool FakeGateway::WaitForCaller(grpc::ServerContext* call, std::chrono::milliseconds time) {
  // gRPC's synchronous server offers nothing to wait on for a cancelled call.
  const auto end = std::chrono::steady_clock::now() + time;
  std::unique_lock lock(mutex_);
  while (!stopping_ && std::chrono::steady_clock::now() < end) {
    if (call->IsCancelled()) return true;
    stopping_changed_.wait_for(lock, std::chrono::milliseconds(2));
  }
  return false;
}

bool FakeGateway::is_stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

grpc::Status FakeGateway::Begin(grpc::ServerContext* call) {
  if (script.hang) {
    WaitForCaller(call, std::chrono::seconds(30));
    return grpc::Status::CANCELLED;
  }
  return script.status;
}

grpc::Status FakeGateway::GetInfo(grpc::ServerContext* call, const GetInfoRequest*,
                                  GetInfoResponse* response) {
  *response = info;
  return Begin(call);
}

grpc::Status FakeGateway::GetStats(grpc::ServerContext* call, const GetStatsRequest*,
                                   GetStatsResponse* response) {
  *response = stats;
  return Begin(call);
}

grpc::Status FakeGateway::WatchStats(grpc::ServerContext* call, const WatchStatsRequest* request,
                                     grpc::ServerWriter<WatchStatsResponse>* writer) {
  Record(&Requests::watch_stats, *request);
  if (const grpc::Status status = Begin(call); !status.ok()) return status;
  WatchStatsResponse response;
  if (!stats_updates.empty()) {
    for (std::size_t sent = 0;; ++sent) {
      *response.mutable_stats() = stats_updates[std::min(sent, stats_updates.size() - 1)];
      if (!writer->Write(response)) return grpc::Status::CANCELLED;
      if (WaitForCaller(call, std::chrono::milliseconds(1)) || is_stopping()) {
        return grpc::Status::CANCELLED;
      }
    }
  }
  *response.mutable_stats() = stats;
  const auto interval = std::chrono::nanoseconds(request->interval().nanos()) +
                        std::chrono::seconds(request->interval().seconds());
  for (int sent = 0; script.watch_updates == 0 || sent < script.watch_updates; ++sent) {
    if (!writer->Write(response)) return grpc::Status::CANCELLED;
    // Each second of uptime brings 1000 reads of 64 bytes and 10 connections on every reactor.
    auto& now = *response.mutable_stats();
    now.mutable_uptime()->set_seconds(now.uptime().seconds() + 1);
    now.set_process_cpu_nanoseconds(now.process_cpu_nanoseconds() + 250'000'000);
    const auto grow = [](Counters& counters) {
      counters.set_connections_accepted(counters.connections_accepted() + 10);
      counters.set_reads(counters.reads() + 1000);
      counters.set_received_bytes(counters.received_bytes() + 64'000);
      counters.set_sent_bytes(counters.sent_bytes() + 64'000);
      counters.set_ready_events(counters.ready_events() + 1000);
      counters.set_wakeups(counters.wakeups() + 500);
      counters.set_loop_busy_nanoseconds(counters.loop_busy_nanoseconds() + 250'000'000);
      counters.set_loop_wait_nanoseconds(counters.loop_wait_nanoseconds() + 750'000'000);
    };
    grow(*now.mutable_total());
    for (Reactor& reactor : *now.mutable_reactors()) grow(*reactor.mutable_counters());
    if (sent + 1 == script.watch_updates) break;
    if (WaitForCaller(call, std::chrono::duration_cast<std::chrono::milliseconds>(interval)) ||
        is_stopping()) {
      return grpc::Status::CANCELLED;
    }
  }
  return script.watch_end;
}

grpc::Status FakeGateway::ListReactors(grpc::ServerContext* call, const ListReactorsRequest*,
                                       ListReactorsResponse* response) {
  *response = reactors;
  return Begin(call);
}

grpc::Status FakeGateway::Resize(grpc::ServerContext* call, const ResizeRequest* request,
                                 ResizeResponse* response) {
  Record(&Requests::resize, *request);
  *response->mutable_operation() = operation;
  return Begin(call);
}

grpc::Status FakeGateway::Upgrade(grpc::ServerContext* call,
                                  const admin::v1::UpgradeRequest* request,
                                  admin::v1::UpgradeResponse* response) {
  Record(&Requests::upgrade, *request);
  *response->mutable_operation() = operation;
  return Begin(call);
}

grpc::Status FakeGateway::Move(grpc::ServerContext* call, const MoveRequest* request,
                               MoveResponse* response) {
  Record(&Requests::move, *request);
  *response->mutable_operation() = operation;
  return Begin(call);
}

grpc::Status FakeGateway::Rebalance(grpc::ServerContext* call, const RebalanceRequest* request,
                                    RebalanceResponse* response) {
  Record(&Requests::rebalance, *request);
  *response = rebalance;
  return Begin(call);
}

grpc::Status FakeGateway::SetSteering(grpc::ServerContext* call, const SetSteeringRequest* request,
                                      SetSteeringResponse* response) {
  Record(&Requests::steer, *request);
  *response = steering;
  return Begin(call);
}

grpc::Status FakeGateway::Drain(grpc::ServerContext* call, const DrainRequest* request,
                                DrainResponse* response) {
  Record(&Requests::drain, *request);
  *response->mutable_operation() = operation;
  return Begin(call);
}

grpc::Status FakeGateway::Undrain(grpc::ServerContext* call, const UndrainRequest* request,
                                  UndrainResponse* response) {
  Record(&Requests::undrain, *request);
  *response = undrain;
  return Begin(call);
}

grpc::Status FakeGateway::GetOperation(grpc::ServerContext* call,
                                       const GetOperationRequest* request,
                                       GetOperationResponse* response) {
  Record(&Requests::get_operation, *request);
  *response->mutable_operation() = operation;
  return Begin(call);
}

grpc::Status FakeGateway::WatchOperation(grpc::ServerContext* call,
                                         const WatchOperationRequest* request,
                                         grpc::ServerWriter<WatchOperationResponse>* writer) {
  Record(&Requests::watch_operation, *request);
  if (const grpc::Status status = Begin(call); !status.ok()) return status;
  const auto& all = requests().watch_operation.size() > 1 && !later_updates.empty()
                        ? later_updates
                        : operation_updates;
  std::vector<WatchOperationResponse> updates(all.size());
  for (std::size_t i = 0; i < updates.size(); ++i) {
    *updates[i].mutable_operation() = all[i];
  }
  return Send(call, updates, writer);
}

grpc::Status FakeGateway::Health::Check(grpc::ServerContext* call,
                                        const grpc::health::v1::HealthCheckRequest* request,
                                        grpc::health::v1::HealthCheckResponse* response) {
  gateway_.Record(&Requests::health_services, request->service());
  response->set_status(gateway_.health);
  return gateway_.Begin(call);
}

namespace {

void FillReactor(Reactor& reactor, std::uint32_t id, ReactorState state, std::uint64_t scale) {
  reactor.set_id(id);
  reactor.set_cpu(static_cast<std::int32_t>(id));
  reactor.set_state(state);
  reactor.set_steering_weight(1);
  Counters& c = *reactor.mutable_counters();
  c.set_connections_active(scale * 100);
  c.set_connections_accepted(scale * 12'345);
  c.set_connections_moved_in(scale * 3);
  c.set_connections_moved_out(scale * 4);
  c.set_received_bytes(scale * 123'456'789);
  c.set_sent_bytes(scale * 123'456'700);
  c.set_reads(scale * 1'929'012);
  c.set_ready_events(scale * 2'000'000);
  c.set_wakeups(scale * 500'000);
  c.set_loop_busy_nanoseconds(scale * 900'000'000);
  c.set_loop_wait_nanoseconds(scale * 2'700'000'000);
  c.set_accepted_from_adopted(scale * 5);
  c.set_loop_stalls(scale * 2);
  c.set_loop_longest_nanoseconds(scale * 1'234'000);
}

}  // namespace

GetStatsResponse SampleStats() {
  GetStatsResponse stats;
  stats.mutable_time()->set_seconds(1'700'000'000);
  stats.mutable_uptime()->set_seconds(7325);
  stats.set_state(GATEWAY_STATE_SERVING);
  Counters& total = *stats.mutable_total();
  total.set_connections_active(300);
  total.set_connections_accepted(37'035);
  total.mutable_connections_closed()->set_peer_closed(36'700);
  total.mutable_connections_closed()->set_peer_reset(35);
  total.mutable_connections_rejected()->set_table_full(7);
  total.set_received_bytes((std::uint64_t{1} << 60) + 1);
  total.set_sent_bytes(370'370'100);
  total.set_reads(5'787'036);
  total.set_ready_events(6'000'000);
  total.set_wakeups(1'500'000);
  total.set_loop_busy_nanoseconds(2'700'000'000);
  total.set_loop_wait_nanoseconds(8'100'000'000);
  total.set_accept_errors_fd(3);
  total.set_loop_stalls(6);
  total.set_loop_longest_nanoseconds(2'468'000);
  FillReactor(*stats.add_reactors(), 0, REACTOR_STATE_SERVING, 1);
  FillReactor(*stats.add_reactors(), 1, REACTOR_STATE_SERVING, 2);
  FillReactor(*stats.add_reactors(), 2, REACTOR_STATE_PARKED, 0);
  stats.mutable_reactors(2)->set_cpu(-1);
  for (int i = 0; i < 2; ++i) {
    Listener& listener = *stats.mutable_reactors(i)->add_listeners();
    listener.set_address("127.0.0.1:7000");
    listener.set_slot(static_cast<std::uint32_t>(i));
    listener.set_owner(static_cast<std::uint32_t>(i));
    listener.set_accept_queue(3);
    listener.set_accept_queue_limit(4096);
    listener.set_drops(static_cast<std::uint64_t>(i) * 11);
  }
  stats.set_log_lines_dropped(0);
  stats.set_process_cpu_nanoseconds(3'662'500'000);
  stats.set_process_resident_bytes(24'641'536);
  return stats;
}

GetInfoResponse SampleInfo() {
  GetInfoResponse info;
  info.set_version("0.1.0");
  info.set_revision("abc1234");
  info.set_compiler("GNU 12.2.0");
  info.set_build_type("Release");
  info.mutable_start_time()->set_seconds(1'700'000'000);
  info.set_pid(4711);
  info.set_poller("epoll");
  info.set_transform("none");
  info.add_listen_addresses("127.0.0.1:7000");
  info.add_listen_addresses("[::1]:7000");
  info.set_admin_address("127.0.0.1:7001");
  (*info.mutable_config())["reactors"] = "2";
  (*info.mutable_config())["listen"] = "127.0.0.1:7000,[::1]:7000";
  info.set_steering_active(true);
  return info;
}

Operation SampleOperation(OperationResult result) {
  Operation operation;
  operation.set_id(7);
  operation.set_kind(OPERATION_KIND_RESIZE);
  operation.set_result(result);
  operation.mutable_start_time()->set_seconds(1'700'000'000);
  operation.mutable_elapsed()->set_nanos(123'400'000);
  operation.set_phase("move-connections");
  OperationPhase& steer = *operation.add_phases();
  steer.set_name("steer");
  steer.mutable_elapsed()->set_nanos(1'200'000);
  OperationPhase& moving = *operation.add_phases();
  moving.set_name("move-connections");
  moving.mutable_elapsed()->set_nanos(122'000'000);
  operation.set_reactors_before(8);
  operation.set_reactors_target(2);
  operation.set_connections_moved(600);
  operation.set_connections_left(result == OPERATION_RESULT_SUCCEEDED ? 0 : 12);
  operation.set_accepted_from_parked(5);
  operation.mutable_kernel_before()->set_listen_drops(10);
  operation.mutable_kernel_after()->set_listen_drops(10);
  return operation;
}

}  // namespace echogw::ctl
