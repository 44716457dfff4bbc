// The part of the admin service that is about single connections, events and the log. Calls that
// wait for reactors run on the call thread; see CallThread.

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/admin/admin_service.h"
#include "server/admin/grpc_status.h"
#include "server/admin/messages/connection_messages.h"
#include "server/admin/watch_stream.h"

namespace echogw::server {
namespace {

// How soon a watcher sees something new, and the most that one message holds.
constexpr std::chrono::milliseconds kWatchPoll(100);
constexpr std::uint32_t kEventsDefault = 100;

grpc::ServerUnaryReactor* FinishNow(grpc::CallbackServerContext* context,
                                    const absl::Status& status) {
  grpc::ServerUnaryReactor* call = context->DefaultReactor();
  call->Finish(ToGrpcStatus(status));
  return call;
}

}  // namespace

// `work` returns the status to end the call with; request and response live until then.
grpc::ServerUnaryReactor* AdminService::FinishLater(grpc::CallbackServerContext* context,
                                                    std::function<absl::Status()> work) {
  grpc::ServerUnaryReactor* call = context->DefaultReactor();
  if (!calls_.Submit([call, work = std::move(work)] { call->Finish(ToGrpcStatus(work())); })) {
    call->Finish(ToGrpcStatus(absl::ResourceExhaustedError("too many calls wait; try again")));
  }
  return call;
}

grpc::ServerUnaryReactor* AdminService::ListConnections(grpc::CallbackServerContext* context,
                                                        const pb::ListConnectionsRequest* request,
                                                        pb::ListConnectionsResponse* response) {
  auto query = FromProto(*request);
  if (!query.ok()) return FinishNow(context, query.status());
  return FinishLater(context, [this, response, query = *std::move(query)] {
    const auto page = connections_.ListConnections(query);
    if (page.ok()) ToProto(*page, *response);
    return page.status();
  });
}

grpc::ServerUnaryReactor* AdminService::GetConnection(grpc::CallbackServerContext* context,
                                                      const pb::GetConnectionRequest* request,
                                                      pb::GetConnectionResponse* response) {
  return FinishLater(context, [this, response, id = request->id()] {
    const auto detail = connections_.GetConnection(id);
    if (detail.ok()) {
      ToProto(detail->info, *response->mutable_connection());
      // The kernel has none of a unix socket.
      if (!detail->info.peer.starts_with("unix:")) {
        ToProto(detail->tcp, *response->mutable_tcp());
      }
    }
    return detail.status();
  });
}

grpc::ServerUnaryReactor* AdminService::CloseConnections(grpc::CallbackServerContext* context,
                                                         const pb::CloseConnectionsRequest* request,
                                                         pb::CloseConnectionsResponse* response) {
  if (const auto s = MayChange(); !s.ok()) return FinishChange(context, "CloseConnections", s, "");
  auto valid = FromProto(*request);
  if (!valid.ok()) return FinishChange(context, "CloseConnections", valid.status(), "");
  return FinishLater(context, [this, context, response, valid = *std::move(valid)] {
    const auto result = connections_.CloseConnections(valid);
    std::string outcome;
    if (result.ok()) {
      response->set_closed(result->closed);
      for (const std::uint64_t id : result->not_found) response->add_not_found(id);
      outcome = absl::StrCat("closed ", result->closed, " connections");
    }
    // A dry run changes nothing.
    if (valid.dry_run) return result.status();
    RecordChange(CallerOf(*context), "CloseConnections", result.status(), outcome);
    return result.status();
  });
}

grpc::ServerWriteReactor<pb::WatchConnectionsResponse>* AdminService::WatchConnections(
    grpc::CallbackServerContext* /*context*/, const pb::WatchConnectionsRequest* request) {
  using Stream = WatchStream<pb::WatchConnectionsResponse>;
  const auto filter = FromProto(request->filter());
  if (!filter.ok()) return Stream::Refuse(watches_, filter.status());
  const std::shared_ptr<ConnectionWatch> watch = connections_.WatchConnections(*filter);
  return Stream::Start(watches_, kWatchPoll, [watch](pb::WatchConnectionsResponse& message) {
    const ConnectionWatch::Batch batch = watch->Take();
    if (batch.events.empty() && batch.dropped == 0) return WatchStep::kSkip;
    for (const WatchedConnectionEvent& event : batch.events) ToProto(event, *message.add_events());
    message.set_dropped(batch.dropped);
    return WatchStep::kSend;
  });
}

grpc::ServerUnaryReactor* AdminService::ListEvents(grpc::CallbackServerContext* context,
                                                   const pb::ListEventsRequest* request,
                                                   pb::ListEventsResponse* response) {
  const std::uint32_t limit = request->limit() == 0 ? kEventsDefault : request->limit();
  for (const Event& event : events_.After(request->after_id(), limit).events) {
    ToProto(event, *response->add_events());
  }
  return FinishNow(context, absl::OkStatus());
}

grpc::ServerWriteReactor<pb::WatchEventsResponse>* AdminService::WatchEvents(
    grpc::CallbackServerContext* /*context*/, const pb::WatchEventsRequest* request) {
  using Stream = WatchStream<pb::WatchEventsResponse>;
  return Stream::Start(
      watches_, kWatchPoll,
      [this, after = request->after_id(), first = true](pb::WatchEventsResponse& message) mutable {
        const EventLog::Batch batch = events_.After(after, EventLog::kKept);
        if (batch.events.empty()) return WatchStep::kSkip;
        for (const Event& event : batch.events) ToProto(event, *message.add_events());
        after = batch.events.back().id;
        // Those from before the watch were never promised.
        if (!first) message.set_dropped(batch.dropped);
        first = false;
        return WatchStep::kSend;
      });
}

grpc::ServerUnaryReactor* AdminService::SetLogLevel(grpc::CallbackServerContext* context,
                                                    const pb::SetLogLevelRequest* request,
                                                    pb::SetLogLevelResponse* response) {
  if (request->target() < pb::LOG_TARGET_UNSPECIFIED || request->target() > pb::LOG_TARGET_FILE) {
    return FinishChange(context, "SetLogLevel",
                        absl::InvalidArgumentError("target: not a log that this gateway knows"),
                        "");
  }
  const bool console = request->target() != pb::LOG_TARGET_FILE;
  const bool file = request->target() != pb::LOG_TARGET_CONSOLE;
  if (!request->level().empty()) {
    const absl::Status s = options_.set_log_level(console, file, request->level());
    if (!s.ok()) return FinishChange(context, "SetLogLevel", s, "");
  }
  const LogLevels now = options_.log_levels();
  response->set_console_level(now.console);
  response->set_file_level(now.file);
  if (request->level().empty()) return FinishNow(context, absl::OkStatus());
  return FinishChange(context, "SetLogLevel", absl::OkStatus(),
                      absl::StrCat("console ", now.console,
                                   now.file.empty() ? "" : absl::StrCat(", file ", now.file)));
}

}  // namespace echogw::server
