#include "ctl/top/admin_caller.h"

#include <type_traits>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "ctl/base/watchdog.h"
#include "ctl/gateway/rpc_error.h"
#include "ctl/output/proto_document.h"
#include "ctl/output/units.h"
#include "ctl/views/enum_text.h"
#include "ctl/views/operation_view.h"

namespace echogw::ctl::top {
namespace {

using admin::v1::Operation;
using Tone = ActionNews::Tone;

bool IsList(const TopRequest& request) {
  return std::holds_alternative<admin::v1::ListConnectionsRequest>(request) ||
         std::holds_alternative<admin::v1::GetConnectionRequest>(request) ||
         std::holds_alternative<admin::v1::ListEventsRequest>(request);
}

template <typename... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};

}  // namespace

AdminCaller::AdminCaller(Client& client, TopInbox& inbox)
    : client_(client), admin_(client.admin()), inbox_(inbox) {}

void AdminCaller::Send(TopRequest request) {
  CallLane& lane = IsList(request) ? lists_ : actions_;
  const bool taken = lane.Add([this, request = std::move(request)](grpc::ClientContext& call) {
    client_.SetDeadline(call);
    Make(call, request);
  });
  if (taken) return;
  Say(Tone::kFailed, "not sent: the gateway has not answered earlier requests");
}

template <auto kMethod>
std::optional<ResponseOf<kMethod>> AdminCaller::Ask(grpc::ClientContext& call, const char* what,
                                                    const RequestOf<kMethod>& request) {
  ResponseOf<kMethod> response;
  const grpc::Status status = (admin_.*kMethod)(&call, request, &response);
  if (status.ok()) return response;
  Say(Tone::kFailed, absl::StrCat(what, ": ", DescribeRpcError(status, client_).message));
  return std::nullopt;
}

template <auto kMethod>
void AdminCaller::Begin(grpc::ClientContext& call, const char* what,
                        const RequestOf<kMethod>& request) {
  const auto response = Ask<kMethod>(call, what, request);
  if (!response) return;
  if (!response->has_operation()) return Say(Tone::kDone, absl::StrCat(what, ": nothing to do"));
  Begun(response->operation());
}

template <auto kMethod, typename Page>
void AdminCaller::List(grpc::ClientContext& call, const RequestOf<kMethod>& request, Page page) {
  const grpc::Status status = (admin_.*kMethod)(&call, request, &page.response);
  if (std::is_same_v<Page, DetailPage> && status.error_code() == grpc::StatusCode::NOT_FOUND) {
    page.error = "the connection is closed";
  } else if (!status.ok()) {
    page.error = DescribeRpcError(status, client_).message;
  }
  inbox_.Post(std::move(page));
}

void AdminCaller::Make(grpc::ClientContext& call, const TopRequest& request) {
  using namespace admin::v1;  // NOLINT: names of requests only
  std::visit(
      Overloaded{
          [&](const DrainRequest& it) { Begin<&Admin::Drain>(call, "drain", it); },
          [&](const ResizeRequest& it) { Begin<&Admin::Resize>(call, "resize", it); },
          [&](const RebalanceRequest& it) { Begin<&Admin::Rebalance>(call, "rebalance", it); },
          [&](const UndrainRequest& it) { Undrain(call, it); },
          [&](const CloseConnectionsRequest& it) { Close(call, it); },
          [&](const ListConnectionsRequest& it) {
            List<&Admin::ListConnections>(call, it, ConnectionsPage{it, "", {}});
          },
          [&](const GetConnectionRequest& it) {
            List<&Admin::GetConnection>(call, it, DetailPage{it.id(), "", {}});
          },
          [&](const ListEventsRequest& it) { List<&Admin::ListEvents>(call, it, EventsPage{}); }},
      request);
}

void AdminCaller::Undrain(grpc::ClientContext& call, const admin::v1::UndrainRequest& request) {
  const auto response = Ask<&Admin::Undrain>(call, "undrain", request);
  if (!response) return;
  const std::string what =
      request.has_reactor() ? absl::StrCat("reactor ", request.reactor(), " ") : "";
  Say(Tone::kDone, absl::StrCat(what, "undrained; the gateway is ", EnumText(response->state())));
}

void AdminCaller::Close(grpc::ClientContext& call,
                        const admin::v1::CloseConnectionsRequest& request) {
  const auto response = Ask<&Admin::CloseConnections>(call, "close", request);
  if (!response) return;
  const char* result = response->closed() == 0                       ? "is already closed"
                       : request.mode() == admin::v1::CLOSE_MODE_RST ? "was reset"
                                                                     : "is being closed";
  Say(Tone::kDone, absl::StrCat("connection ", absl::StrJoin(request.ids(), ", "), " ", result));
}

void AdminCaller::Begun(const Operation& operation) {
  Report(operation);
  if (IsDone(operation)) return;
  follow_.Replace([this, operation](grpc::ClientContext& call) { Follow(call, operation); });
}

void AdminCaller::Follow(grpc::ClientContext& call, const Operation& begun) {
  // Only the first report must come in time; later ones come when something changes.
  Watchdog watchdog(client_.timeout(), [&call] { call.TryCancel(); });
  admin::v1::WatchOperationRequest request;
  request.set_id(begun.id());
  const auto reader = admin_.WatchOperation(&call, request);
  admin::v1::WatchOperationResponse response;
  Operation last = begun;
  while (reader->Read(&response)) {
    watchdog.Stop();
    last = response.operation();
    Report(last);
  }
  watchdog.Stop();
  const grpc::Status status = reader->Finish();
  if (IsDone(last)) return;
  // Replaced by another operation, or the view ends.
  if (status.error_code() == grpc::StatusCode::CANCELLED && !watchdog.has_bitten()) return;
  Say(Tone::kFailed,
      absl::StrCat(OperationTitle(begun), ": lost track of it; see 'echogwctl operation ",
                   begun.id(), "'"));
}

void AdminCaller::Report(const Operation& operation) {
  const std::string title = OperationTitle(operation);
  if (!IsDone(operation)) {
    return Say(Tone::kRunning, absl::StrCat(title, ": ", OperationProgress(operation)));
  }
  std::string text = absl::StrCat(title, " ", EnumText(operation.result()), " after ",
                                  HumanDuration(FromProto(operation.elapsed())));
  if (!operation.message().empty()) absl::StrAppend(&text, ": ", operation.message());
  const bool good = operation.result() == admin::v1::OPERATION_RESULT_SUCCEEDED;
  Say(good ? Tone::kDone : Tone::kFailed, std::move(text));
}

}  // namespace echogw::ctl::top
