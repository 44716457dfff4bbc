#include "ctl/load/soak_controller.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "ctl/gateway/rpc_error.h"
#include "ctl/output/proto_document.h"
#include "ctl/views/operation_view.h"

namespace echogw::ctl::load {
namespace {

using admin::v1::Operation;

constexpr std::uint64_t kResizesPerExtra = 5;
// Operations time out after 30 s by default; the rest is for the gateway to report that.
constexpr std::chrono::seconds kOperationMax{60};
constexpr std::chrono::milliseconds kPollEvery{20};

}  // namespace

std::uint64_t ControlRecord::Succeeded() const {
  std::uint64_t sum = 0;
  for (const auto& [kind, tally] : tallies) sum += tally.succeeded;
  return sum;
}

std::uint64_t ControlRecord::Unsuccessful() const {
  std::uint64_t sum = 0;
  for (const auto& [kind, tally] : tallies) sum += tally.failed + tally.refused;
  return sum;
}

SoakController::SoakController(Client& client, ControlPlan plan)
    : client_(client), plan_(std::move(plan)) {
  client.admin();
  if (plan_.rebalance) extras_.push_back(&SoakController::Rebalance);
  if (plan_.move) extras_.push_back(&SoakController::Move);
  if (plan_.drain_reactor) extras_.push_back(&SoakController::DrainAndUndrain);
}

void SoakController::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    stop_changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

bool SoakController::WaitUntil(std::chrono::steady_clock::time_point time) {
  std::unique_lock lock(mutex_);
  return stop_changed_.wait_until(lock, time, [this] { return stop_; });
}

template <auto kMethod>
bool SoakController::Operate(const std::string& kind, const RequestOf<kMethod>& request) {
  const auto [status, response] = CallThroughUpgrade<kMethod>(client_, request);
  if (!status.ok()) {
    NoteRefusal(kind, status);
    return false;
  }
  const Operation& begun = response.operation();
  if (!record_.kernel_before) record_.kernel_before = begun.kernel_before();
  NoteEnd(kind, IsDone(begun) ? begun : WaitForEnd(begun));
  return true;
}

void SoakController::Run() {
  auto next = std::chrono::steady_clock::now();
  for (std::uint64_t step = 0; !WaitUntil(next); ++step) {
    next = std::max(next + plan_.every, std::chrono::steady_clock::now());
    if (!plan_.sizes.empty()) {
      admin::v1::ResizeRequest request;
      request.set_target(plan_.sizes[step % plan_.sizes.size()]);
      Operate<&Admin::Resize>("resize", request);
    }
    if (!plan_.binaries.empty()) {
      admin::v1::UpgradeRequest request;
      request.set_binary(plan_.binaries[step % plan_.binaries.size()]);
      Operate<&Admin::Upgrade>("upgrade", request);
    }
    const bool extra =
        (plan_.sizes.empty() && plan_.binaries.empty()) || (step + 1) % kResizesPerExtra == 0;
    if (extra && !extras_.empty()) Extra();
  }
}

void SoakController::Extra() {
  const std::vector<std::uint32_t> serving = ServingReactors();
  if (serving.size() < 2) return;
  const auto extra = extras_[extras_done_++ % extras_.size()];
  (this->*extra)(serving);
}

void SoakController::Rebalance(const std::vector<std::uint32_t>&) {
  admin::v1::RebalanceRequest request;
  request.set_policy(admin::v1::REBALANCE_POLICY_CONNECTIONS);
  Operate<&Admin::Rebalance>("rebalance", request);
}

void SoakController::Move(const std::vector<std::uint32_t>& serving) {
  admin::v1::MoveRequest request;
  request.set_from_reactor(serving[extras_done_ % serving.size()]);
  request.set_to_reactor(serving[(extras_done_ + 1) % serving.size()]);
  Operate<&Admin::Move>("move", request);
}

void SoakController::DrainAndUndrain(const std::vector<std::uint32_t>& serving) {
  const std::uint32_t reactor = serving[extras_done_ % serving.size()];
  admin::v1::DrainRequest drain;
  drain.set_reactor(reactor);
  if (!Operate<&Admin::Drain>("drain", drain)) return;
  admin::v1::UndrainRequest undrain;
  undrain.set_reactor(reactor);
  const grpc::Status status = CallThroughUpgrade<&Admin::Undrain>(client_, undrain).status;
  if (!status.ok()) return NoteRefusal("undrain", status);
  ++record_.tallies["undrain"].succeeded;
  succeeded_.fetch_add(1, std::memory_order_relaxed);
}

std::vector<std::uint32_t> SoakController::ServingReactors() {
  const auto [status, response] = CallThroughUpgrade<&Admin::ListReactors>(client_);
  if (!status.ok()) NoteRefusal("list-reactors", status);
  std::vector<std::uint32_t> serving;
  for (const admin::v1::Reactor& reactor : response.reactors()) {
    if (reactor.state() == admin::v1::REACTOR_STATE_SERVING) serving.push_back(reactor.id());
  }
  return serving;
}

Operation SoakController::WaitForEnd(Operation operation) {
  const auto give_up = std::chrono::system_clock::now() + kOperationMax;
  {
    grpc::ClientContext call;
    call.set_deadline(give_up);
    admin::v1::WatchOperationRequest request;
    request.set_id(operation.id());
    const auto reader = client_.admin().WatchOperation(&call, request);
    admin::v1::WatchOperationResponse response;
    while (reader->Read(&response)) operation = response.operation();
    static_cast<void>(reader->Finish());
  }
  // The stream broke, or the gateway did not end it with the operation: poll instead. An upgrade
  // ends the process that was asked, and the next one is there soon.
  const bool upgrade = operation.kind() == admin::v1::OPERATION_KIND_UPGRADE;
  while (!IsDone(operation) && std::chrono::system_clock::now() < give_up) {
    admin::v1::GetOperationRequest request;
    request.set_id(operation.id());
    auto [status, response] = Call<&Admin::GetOperation>(client_, request);
    if (status.ok()) {
      operation = std::move(*response.mutable_operation());
    } else if (!upgrade || !IsEnding(status)) {
      break;
    }
    if (!IsDone(operation)) std::this_thread::sleep_for(kPollEvery);
  }
  return operation;
}

void SoakController::NoteEnd(const std::string& kind, const Operation& operation) {
  record_.connections_moved += operation.connections_moved();
  record_.connections_closed += operation.connections_closed();
  record_.connections_reset += operation.connections_reset();
  record_.accepted_from_parked += operation.accepted_from_parked();
  if (operation.has_kernel_after()) record_.kernel_after = operation.kernel_after();
  OperationTally& tally = record_.tallies[kind];
  if (operation.result() == admin::v1::OPERATION_RESULT_SUCCEEDED) {
    ++tally.succeeded;
    tally.elapsed.Record(FromProto(operation.elapsed()));
    succeeded_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  ++tally.failed;
  NoteFailure(kind, absl::StrCat("operation ", operation.id(), ": ",
                                 admin::v1::OperationResult_Name(operation.result()), ": ",
                                 operation.message()));
}

void SoakController::NoteRefusal(const std::string& kind, const grpc::Status& status) {
  ++record_.tallies[kind].refused;
  NoteFailure(kind, DescribeRpcError(status, client_).message);
}

void SoakController::NoteFailure(const std::string& kind, std::string text) {
  unsuccessful_.fetch_add(1, std::memory_order_relaxed);
  if (record_.failures.size() >= ControlRecord::kFailures) return;
  record_.failures.push_back(
      {.time = std::chrono::system_clock::now(), .kind = kind, .text = std::move(text)});
}

}  // namespace echogw::ctl::load
