#include "server/admin/admin_service.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/admin/grpc_status.h"
#include "server/admin/messages/connection_messages.h"
#include "server/admin/messages/field_messages.h"
#include "server/admin/messages/limits_messages.h"
#include "server/admin/messages/operation_messages.h"
#include "server/admin/messages/stats_messages.h"
#include "server/admin/watch_stream.h"

namespace echogw::server {
namespace {

using Unary = AdminService::Unary;

// How soon a watcher of an operation sees a change; no operation is over in less.
constexpr std::chrono::milliseconds kOperationPoll(20);
// How soon a watcher of connections or events sees something new.
constexpr std::chrono::milliseconds kEventPoll(100);
constexpr std::uint32_t kEventsDefault = 100;
constexpr char kSetLogLevelPath[] = "/echogw.admin.v1.Admin/SetLogLevel";
// Bytes of answers that wait to be read; the longest, 10,000 connections, has about 6 MiB.
constexpr std::size_t kUnreadAnswersMax = std::size_t{32} << 20U;
// Listings at a time; a sorted one holds up to 20,000 records, some 4 MiB.
constexpr std::size_t kQueryThreadsMax = 8;
// Changes that wait for reactors at a time.
constexpr std::size_t kChangeThreadsMax = 16;

ChangeResult Began(const absl::StatusOr<Operation>& operation, pb::Operation& message) {
  if (!operation.ok()) return {.status = operation.status()};
  ToProto(*operation, message);
  return {.text = Beginning(*operation), .operation = operation->id, .dry_run = operation->dry_run};
}

}  // namespace

AdminService::AdminService(const AdminTargets& targets, AdminServiceOptions options)
    : to_(targets),
      options_(options),
      changes_(to_.access, to_.events, to_.log),
      watches_(options_.watches_max),
      answers_(kUnreadAnswersMax),
      queries_(kQueryThreadsMax),
      slow_changes_(kChangeThreadsMax) {}

void AdminService::EndCalls() {
  watches_.EndAll();
  queries_.Stop();
  slow_changes_.Stop();
}

Unary* AdminService::Reply(Context* context, const Message& response, const absl::Status& status) {
  UnreadAnswers::Call* call = answers_.Begin(*context);
  call->End(response, status);
  return call;
}

Unary* AdminService::ReplyLater(CallThreads& threads, Context* context, const Message& response,
                                std::function<absl::Status()> work) {
  UnreadAnswers::Call* call = answers_.Begin(*context);
  const auto run = [call, &response, work = std::move(work)](bool serving) {
    call->End(response, serving ? work() : absl::UnavailableError("the gateway is stopping"));
  };
  if (!threads.Submit(CallerOf(to_.access, *context), run)) {
    call->End(response, stopping_.load()
                            ? absl::UnavailableError("the gateway is stopping")
                            : absl::ResourceExhaustedError("too many calls wait; try again"));
  }
  return call;
}

template <typename Request, typename Work>
Unary* AdminService::Change(Context* context, const char* method,
                            const absl::StatusOr<Request>& request, const Message& response,
                            const Work& work) {
  // Before what the change causes.
  EventLog::Reservation place(to_.events);
  ChangeResult outcome;
  if (stopping_.load()) {
    outcome.status = absl::UnavailableError("the gateway is stopping");
  } else {
    outcome = request.ok() ? work(*request) : ChangeResult{.status = request.status()};
  }
  changes_.Record(*context, method, outcome, &place);
  return Reply(context, response, outcome.status);
}

template <typename Request, typename Work>
Unary* AdminService::ChangeLater(Context* context, const char* method,
                                 const absl::StatusOr<Request>& request, const Message& response,
                                 const Work& work) {
  if (stopping_.load() || !request.ok()) return Change(context, method, request, response, work);
  return ReplyLater(slow_changes_, context, response, [this, context, method, request, work] {
    const ChangeResult outcome = work(*request);
    changes_.Record(*context, method, outcome);
    return outcome.status;
  });
}

Unary* AdminService::GetInfo(Context* context, const pb::GetInfoRequest* /*request*/,
                             pb::GetInfoResponse* response) {
  response->set_steering_active(to_.control.Stats().steering_active);
  ToProto(to_.control.GetLimits(), *response->mutable_limits());
  {
    const GatewayInfo info = to_.info.Get();
    response->set_version(info.build.version);
    response->set_revision(info.build.revision);
    response->set_compiler(info.build.compiler);
    response->set_build_type(info.build.build_type);
    ToProto(info.start_time, *response->mutable_start_time());
    response->set_pid(info.pid);
    response->set_poller(info.poller);
    response->set_transform(info.transform);
    response->mutable_listen_addresses()->Assign(info.listen_addresses.begin(),
                                                 info.listen_addresses.end());
    response->mutable_udp_addresses()->Assign(info.udp_addresses.begin(), info.udp_addresses.end());
    response->set_admin_address(info.admin_address);
    response->set_metrics_address(info.metrics_address);
    response->mutable_config()->insert(info.config.begin(), info.config.end());
  }
  return Reply(context, *response);
}

Unary* AdminService::GetStats(Context* context, const pb::GetStatsRequest* /*request*/,
                              pb::GetStatsResponse* response) {
  (void)FillStats(to_.control, to_.log_control.lines_dropped(), *response);
  return Reply(context, *response);
}

AdminService::Stream<pb::WatchStatsResponse>* AdminService::WatchStats(
    Context* /*context*/, const pb::WatchStatsRequest* request) {
  using Messages = WatchStream<pb::WatchStatsResponse>;
  const auto interval = WatchInterval(*request);
  if (!interval.ok()) return Messages::Refuse(watches_, interval.status());
  return Messages::Start(watches_, *interval, [this](pb::WatchStatsResponse& message) {
    (void)FillStats(to_.control, to_.log_control.lines_dropped(), *message.mutable_stats());
    return WatchStep::kSend;
  });
}

Unary* AdminService::ListReactors(Context* context, const pb::ListReactorsRequest* /*request*/,
                                  pb::ListReactorsResponse* response) {
  for (const ReactorStats& reactor : to_.control.Stats().reactors) {
    ToProto(reactor, *response->add_reactors());
  }
  return Reply(context, *response);
}

Unary* AdminService::Resize(Context* context, const pb::ResizeRequest* request,
                            pb::ResizeResponse* response) {
  return Change(context, "Resize", FromProto(*request), *response, [&](const ResizeRequest& valid) {
    return Began(to_.control.Resize(valid), *response->mutable_operation());
  });
}

Unary* AdminService::Upgrade(Context* context, const pb::UpgradeRequest* request,
                             pb::UpgradeResponse* response) {
  return Change(context, "Upgrade", FromProto(*request), *response,
                [&](const UpgradeRequest& valid) {
                  return Began(to_.control.Upgrade(valid), *response->mutable_operation());
                });
}

Unary* AdminService::Move(Context* context, const pb::MoveRequest* request,
                          pb::MoveResponse* response) {
  return Change(context, "Move", FromProto(*request), *response, [&](const MoveRequest& valid) {
    return Began(to_.control.Move(valid), *response->mutable_operation());
  });
}

Unary* AdminService::Rebalance(Context* context, const pb::RebalanceRequest* request,
                               pb::RebalanceResponse* response) {
  return Change(
      context, "Rebalance", FromProto(*request), *response, [&](const RebalanceChoice& valid) {
        ChangeResult outcome;
        if (valid.set_auto) {
          outcome = {to_.control.SetAutoRebalance(*valid.set_auto, valid.once.policy),
                     *valid.set_auto ? "automatic mode on" : "automatic mode off"};
        } else {
          outcome = Began(to_.control.Rebalance(valid.once), *response->mutable_operation());
        }
        response->set_auto_enabled(to_.control.auto_rebalance());
        return outcome;
      });
}

Unary* AdminService::SetSteering(Context* context, const pb::SetSteeringRequest* request,
                                 pb::SetSteeringResponse* response) {
  return Change(context, "SetSteering", FromProto(*request), *response,
                [&](const SteeringRequest& valid) {
                  const auto weights = to_.control.SetSteering(valid.weights, valid.reset);
                  if (!weights.ok()) return ChangeResult{.status = weights.status()};
                  for (const SteeringWeight& weight : *weights) {
                    pb::SteeringWeight& added = *response->add_weights();
                    added.set_reactor(weight.reactor);
                    added.set_weight(weight.weight);
                  }
                  response->set_steering_active(to_.control.Stats().steering_active);
                  return ChangeResult{.text = "weights set"};
                });
}

Unary* AdminService::Drain(Context* context, const pb::DrainRequest* request,
                           pb::DrainResponse* response) {
  return Change(context, "Drain", FromProto(*request, options_.refuse), *response,
                [&](const DrainRequest& valid) {
                  return Began(to_.control.Drain(valid), *response->mutable_operation());
                });
}

Unary* AdminService::Undrain(Context* context, const pb::UndrainRequest* request,
                             pb::UndrainResponse* response) {
  // It may wait for reactors.
  return ChangeLater(context, "Undrain", FromProto(*request), *response,
                     [this, response](const std::optional<std::uint32_t>& reactor) {
                       const auto state = to_.control.Undrain(reactor);
                       if (state.ok()) response->set_state(ToProto(*state));
                       return ChangeResult{.status = state.status(), .text = "back in service"};
                     });
}

Unary* AdminService::GetOperation(Context* context, const pb::GetOperationRequest* request,
                                  pb::GetOperationResponse* response) {
  const auto operation = to_.control.GetOperation(request->id());
  if (operation.ok()) ToProto(*operation, *response->mutable_operation());
  return Reply(context, *response, operation.status());
}

AdminService::Stream<pb::WatchOperationResponse>* AdminService::WatchOperation(
    Context* /*context*/, const pb::WatchOperationRequest* request) {
  using Messages = WatchStream<pb::WatchOperationResponse>;
  // 0 is resolved once: a later operation must not take its place in the stream.
  const auto first = to_.control.GetOperation(request->id());
  if (!first.ok()) return Messages::Refuse(watches_, first.status());
  const auto source = [this, id = first->id, sent = std::optional<std::uint64_t>()](
                          pb::WatchOperationResponse& message) mutable {
    const auto operation = to_.control.GetOperation(id);
    // Forgotten by now, so it ended long ago.
    if (!operation.ok()) return WatchStep::kEnd;
    const bool done = operation->result != OperationResult::kRunning;
    if (sent == operation->version && !done) return WatchStep::kSkip;
    sent = operation->version;
    ToProto(*operation, *message.mutable_operation());
    return done ? WatchStep::kSendLast : WatchStep::kSend;
  };
  return Messages::Start(watches_, kOperationPoll, source);
}

Unary* AdminService::GetLimits(Context* context, const pb::GetLimitsRequest* /*request*/,
                               pb::GetLimitsResponse* response) {
  ToProto(to_.control.GetLimits(), *response->mutable_limits());
  return Reply(context, *response);
}

Unary* AdminService::SetLimits(Context* context, const pb::SetLimitsRequest* request,
                               pb::SetLimitsResponse* response) {
  auto change = FromProto(request->limits());
  if (change.ok()) change->dry_run = request->dry_run();
  return ChangeLater(context, "SetLimits", change, *response,
                     [this, response](const LimitsChange& valid) {
                       const auto changed = to_.control.SetLimits(valid);
                       ChangeResult outcome{.status = changed.status(), .dry_run = valid.dry_run};
                       if (changed.ok()) {
                         ToProto(changed->before, *response->mutable_before());
                         ToProto(changed->after, *response->mutable_limits());
                         outcome.text = Difference(changed->before, changed->after);
                       }
                       return outcome;
                     });
}

Unary* AdminService::ListConnections(Context* context, const pb::ListConnectionsRequest* request,
                                     pb::ListConnectionsResponse* response) {
  auto query = FromProto(*request);
  if (!query.ok()) return Reply(context, *response, query.status());
  return ReplyLater(queries_, context, *response, [this, response, query = *std::move(query)] {
    const auto page = to_.connections.ListConnections(query);
    if (page.ok()) ToProto(*page, *response);
    return page.status();
  });
}

Unary* AdminService::GetConnection(Context* context, const pb::GetConnectionRequest* request,
                                   pb::GetConnectionResponse* response) {
  return ReplyLater(queries_, context, *response, [this, response, id = request->id()] {
    const auto detail = to_.connections.GetConnection(id);
    if (detail.ok()) {
      ToProto(detail->info, *response->mutable_connection());
      // A unix socket has none.
      if (!detail->info.peer.starts_with("unix:")) ToProto(detail->tcp, *response->mutable_tcp());
    }
    return detail.status();
  });
}

Unary* AdminService::CloseConnections(Context* context, const pb::CloseConnectionsRequest* request,
                                      pb::CloseConnectionsResponse* response) {
  return ChangeLater(context, "CloseConnections", FromProto(*request), *response,
                     [this, response](const CloseRequest& valid) {
                       const auto result = to_.connections.CloseConnections(valid);
                       ChangeResult outcome{.status = result.status(), .dry_run = valid.dry_run};
                       if (!result.ok()) return outcome;
                       response->set_closed(result->closed);
                       response->mutable_not_found()->Assign(result->not_found.begin(),
                                                             result->not_found.end());
                       outcome.text = absl::StrCat("closed ", result->closed, " connections");
                       return outcome;
                     });
}

AdminService::Stream<pb::WatchConnectionsResponse>* AdminService::WatchConnections(
    Context* /*context*/, const pb::WatchConnectionsRequest* request) {
  using Messages = WatchStream<pb::WatchConnectionsResponse>;
  const auto filter = FromProto(request->filter());
  if (!filter.ok()) return Messages::Refuse(watches_, filter.status());
  const std::shared_ptr<ConnectionWatch> watch = to_.connections.WatchConnections(*filter);
  return Messages::Start(watches_, kEventPoll, [watch](pb::WatchConnectionsResponse& message) {
    const ConnectionWatch::Batch batch = watch->Take();
    if (batch.events.empty() && batch.dropped == 0) return WatchStep::kSkip;
    for (const WatchedConnectionEvent& event : batch.events) ToProto(event, *message.add_events());
    message.set_dropped(batch.dropped);
    return batch.more ? WatchStep::kSendMore : WatchStep::kSend;
  });
}

Unary* AdminService::ListEvents(Context* context, const pb::ListEventsRequest* request,
                                pb::ListEventsResponse* response) {
  const std::uint32_t limit = request->limit() == 0 ? kEventsDefault : request->limit();
  for (const Event& event : to_.events.After(request->after_id(), limit).events) {
    ToProto(event, *response->add_events());
  }
  return Reply(context, *response);
}

AdminService::Stream<pb::WatchEventsResponse>* AdminService::WatchEvents(
    Context* /*context*/, const pb::WatchEventsRequest* request) {
  using Messages = WatchStream<pb::WatchEventsResponse>;
  return Messages::Start(
      watches_, kEventPoll,
      [this, after = request->after_id(), first = true](pb::WatchEventsResponse& message) mutable {
        const EventLog::Batch batch = to_.events.After(after, EventLog::kKept);
        if (batch.events.empty()) return WatchStep::kSkip;
        for (const Event& event : batch.events) ToProto(event, *message.add_events());
        after = batch.events.back().id;
        // Events from before the watch were never promised.
        if (!first) message.set_dropped(batch.dropped);
        first = false;
        return WatchStep::kSend;
      });
}

Unary* AdminService::SetLogLevel(Context* context, const pb::SetLogLevelRequest* request,
                                 pb::SetLogLevelResponse* response) {
  const bool console = request->target() != pb::LOG_TARGET_FILE;
  const bool file = request->target() != pb::LOG_TARGET_CONSOLE;
  const bool change = !request->level().empty();
  if (change) {
    const absl::Status allowed = to_.access.RequireOperator(*context, kSetLogLevelPath);
    if (!allowed.ok()) return Reply(context, *response, allowed);
  }
  ChangeResult outcome;
  if (!pb::LogTarget_IsValid(request->target())) {
    outcome.status = absl::InvalidArgumentError("target: not a log that this gateway knows");
  } else if (change) {
    outcome.status = to_.log_control.SetLevels(console, file, request->level());
  }
  const LogLevels now = to_.log_control.levels();
  response->set_console_level(now.console);
  response->set_file_level(now.file);
  if (change) {
    outcome.text = absl::StrCat("console ", now.console,
                                now.file.empty() ? "" : absl::StrCat(", file ", now.file));
    changes_.Record(*context, "SetLogLevel", outcome);
  }
  return Reply(context, *response, outcome.status);
}

}  // namespace echogw::server
