// What the fake gateway answers on connections, events and logs.
#include <algorithm>
#include <chrono>
#include <cstdint>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/unit/ctl/fake_gateway.h"

namespace echogw::ctl {

using namespace admin::v1;  // NOLINT: the file is about nothing else

grpc::Status FakeGateway::ListConnections(grpc::ServerContext* call,
                                          const ListConnectionsRequest* request,
                                          ListConnectionsResponse* response) {
  Record(&Requests::list_connections, *request);
  std::size_t begin = 0;
  if (!request->page_token().empty() && !absl::SimpleAtoi(request->page_token(), &begin)) {
    return {grpc::StatusCode::INVALID_ARGUMENT, "no such page"};
  }
  const std::size_t end = std::min(connections.size(), begin + std::size_t{request->page_size()});
  for (std::size_t i = begin; i < end; ++i) *response->add_connections() = connections[i];
  const bool sorted = request->sort() != CONNECTION_SORT_UNSPECIFIED;
  if (sorted || (begin == 0 && end == connections.size())) response->set_total(connections.size());
  if (!sorted && end < connections.size()) {
    response->set_next_page_token(absl::StrCat(script.stuck_page ? 1 : end));
  }
  return Begin(call);
}

grpc::Status FakeGateway::GetConnection(grpc::ServerContext* call,
                                        const GetConnectionRequest* request,
                                        GetConnectionResponse* response) {
  Record(&Requests::get_connection, *request);
  *response = connection;
  return Begin(call);
}

grpc::Status FakeGateway::CloseConnections(grpc::ServerContext* call,
                                           const CloseConnectionsRequest* request,
                                           CloseConnectionsResponse* response) {
  Record(&Requests::close_connections, *request);
  *response = close;
  return Begin(call);
}

grpc::Status FakeGateway::WatchConnections(grpc::ServerContext* call,
                                           const WatchConnectionsRequest* request,
                                           grpc::ServerWriter<WatchConnectionsResponse>* writer) {
  Record(&Requests::watch_connections, *request);
  if (const grpc::Status status = Begin(call); !status.ok()) return status;
  return Send(call, connection_updates, writer);
}

grpc::Status FakeGateway::ListEvents(grpc::ServerContext* call, const ListEventsRequest* request,
                                     ListEventsResponse* response) {
  Record(&Requests::list_events, *request);
  *response = events;
  return Begin(call);
}

grpc::Status FakeGateway::WatchEvents(grpc::ServerContext* call, const WatchEventsRequest* request,
                                      grpc::ServerWriter<WatchEventsResponse>* writer) {
  Record(&Requests::watch_events, *request);
  if (const grpc::Status status = Begin(call); !status.ok()) return status;
  return Send(call, event_updates, writer);
}

grpc::Status FakeGateway::GetLimits(grpc::ServerContext* call, const GetLimitsRequest* /*request*/,
                                    GetLimitsResponse* response) {
  *response->mutable_limits() = limits.limits();
  return Begin(call);
}

grpc::Status FakeGateway::SetLimits(grpc::ServerContext* call, const SetLimitsRequest* request,
                                    SetLimitsResponse* response) {
  Record(&Requests::set_limits, *request);
  *response = limits;
  return Begin(call);
}

grpc::Status FakeGateway::SetLogLevel(grpc::ServerContext* call, const SetLogLevelRequest* request,
                                      SetLogLevelResponse* response) {
  Record(&Requests::set_log_level, *request);
  *response = log_levels;
  return Begin(call);
}

Connection SampleConnection(std::uint64_t id) {
  Connection connection;
  connection.set_id(id);
  connection.set_reactor(static_cast<std::uint32_t>(id % 2));
  connection.set_state(CONNECTION_STATE_OPEN);
  connection.set_peer(absl::StrCat("192.0.2.7:", 40'000 + id));
  connection.set_local("192.0.2.1:7000");
  connection.mutable_age()->set_seconds(static_cast<std::int64_t>(60 * id));
  connection.mutable_idle()->set_nanos(static_cast<std::int32_t>(10'000'000 * id));
  connection.set_received_bytes(1000 * id);
  connection.set_sent_bytes(1000 * id);
  return connection;
}

Event SampleEvent(std::uint64_t id) {
  Event event;
  event.set_id(id);
  event.mutable_time()->set_seconds(1'700'000'000);
  event.mutable_time()->set_nanos(250'000'000);
  event.set_severity(EVENT_SEVERITY_INFO);
  event.set_kind("resize");
  event.set_actor("ipv4:127.0.0.1:50000");
  event.set_message("resize 8 -> 2 succeeded");
  event.set_operation(7);
  return event;
}

}  // namespace echogw::ctl
