// The fake gateway with connections and events, for the tests of `top`.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "tests/unit/ctl/top/top_fixture.h"

namespace echogw::ctl::top {

class TopGateway : public FakeGateway {
 public:
  explicit TopGateway(const std::string& address = "127.0.0.1:0") : FakeGateway(address) {
    stats = SampleStats();
    info = SampleInfo();
  }

  // If not empty, WatchStats refuses a caller without this bearer token. Set before the call.
  std::string token;
  // What lists answer; without them the calls are not known. Set before the call.
  bool knows_lists = true;
  admin::v1::ListConnectionsResponse listed = SampleConnections(40);

  std::vector<admin::v1::CloseConnectionsRequest> closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }

  grpc::Status WatchStats(grpc::ServerContext* call, const admin::v1::WatchStatsRequest* request,
                          grpc::ServerWriter<admin::v1::WatchStatsResponse>* writer) override {
    const auto shown = call->client_metadata().find("authorization");
    if (!token.empty() &&
        (shown == call->client_metadata().end() || shown->second != "Bearer " + token)) {
      return {grpc::StatusCode::UNAUTHENTICATED, "no token"};
    }
    return FakeGateway::WatchStats(call, request, writer);
  }
  grpc::Status ListConnections(grpc::ServerContext*, const admin::v1::ListConnectionsRequest*,
                               admin::v1::ListConnectionsResponse* response) override {
    *response = listed;
    return Known();
  }
  grpc::Status GetConnection(grpc::ServerContext*, const admin::v1::GetConnectionRequest* request,
                             admin::v1::GetConnectionResponse* response) override {
    for (const admin::v1::Connection& c : listed.connections()) {
      if (c.id() == request->id()) *response->mutable_connection() = c;
    }
    if (!response->has_connection()) return {grpc::StatusCode::NOT_FOUND, "no such connection"};
    response->mutable_tcp()->set_state("ESTABLISHED");
    return Known();
  }
  grpc::Status CloseConnections(grpc::ServerContext*,
                                const admin::v1::CloseConnectionsRequest* request,
                                admin::v1::CloseConnectionsResponse* response) override {
    const std::lock_guard lock(mutex_);
    closed_.push_back(*request);
    // The first of the list is there, everything else is not.
    const bool there = request->ids_size() == 1 && request->ids(0) == 1000;
    response->set_closed(there ? 1 : 0);
    return Known();
  }
  grpc::Status ListEvents(grpc::ServerContext*, const admin::v1::ListEventsRequest*,
                          admin::v1::ListEventsResponse* response) override {
    *response->add_events() =
        SampleEvent(1, admin::v1::EVENT_SEVERITY_INFO, "state", "the gateway serves");
    *response->add_events() =
        SampleEvent(2, admin::v1::EVENT_SEVERITY_ERROR, "resize", "resize 8 -> 2 failed");
    return Known();
  }

 private:
  grpc::Status Known() const {
    return knows_lists ? grpc::Status::OK : grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "");
  }

  mutable std::mutex mutex_;
  std::vector<admin::v1::CloseConnectionsRequest> closed_;
};

}  // namespace echogw::ctl::top
