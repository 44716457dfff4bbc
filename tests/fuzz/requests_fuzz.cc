// Goal: no message of the admin API can crash the gateway or get past its limits. Method: the
// fuzzer's bytes are parsed as each request in turn, first as text, then as the wire format.
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "reactor/base/check.h"
#include "reactor/options.h"
#include "server/admin/messages/limits_messages.h"
#include "server/admin/messages/operation_messages.h"

namespace echogw::server {
namespace {

template <typename Message>
bool Parse(std::uint8_t format, const std::string& text, Message& message) {
  if (format % 2 == 1) return message.ParseFromString(text);
  google::protobuf::TextFormat::Parser parser;
  struct Quiet : google::protobuf::io::ErrorCollector {
    void AddError(int /*line*/, int /*column*/, const std::string& /*message*/) override {}
  } quiet;
  parser.RecordErrorsTo(&quiet);
  return parser.ParseFromString(text, &message);
}

void CheckRefused(const absl::Status& status) {
  CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  CHECK(!status.message().empty());
}

void Resize(std::uint8_t format, const std::string& text) {
  pb::ResizeRequest message;
  if (!Parse(format, text, message)) return;
  const auto request = FromProto(message);
  if (!request.ok()) return CheckRefused(request.status());
  CHECK(request->target >= 1 && request->target <= kReactorsMax);
}

void Move(std::uint8_t format, const std::string& text) {
  pb::MoveRequest message;
  if (!Parse(format, text, message)) return;
  const auto request = FromProto(message);
  if (!request.ok()) CheckRefused(request.status());
}

void Drain(std::uint8_t format, const std::string& text) {
  pb::DrainRequest message;
  if (!Parse(format, text, message)) return;
  const auto request = FromProto(message, RefuseMode::kAccept);
  if (!request.ok()) return CheckRefused(request.status());
  CHECK(request->deadline >= std::chrono::nanoseconds(0) && request->deadline <= kRequestTimeMax);
}

void Rebalance(std::uint8_t format, const std::string& text) {
  pb::RebalanceRequest message;
  if (!Parse(format, text, message)) return;
  const auto request = FromProto(message);
  if (!request.ok()) CheckRefused(request.status());
}

void Steer(std::uint8_t format, const std::string& text) {
  pb::SetSteeringRequest message;
  if (!Parse(format, text, message)) return;
  const auto request = FromProto(message);
  if (!request.ok()) return CheckRefused(request.status());
  for (const SteeringWeight& weight : request->weights) {
    CHECK(weight.weight <= kSteeringWeightMax);
  }
}

void Limit(std::uint8_t format, const std::string& text) {
  pb::SetLimitsRequest message;
  if (!Parse(format, text, message)) return;
  const auto change = FromProto(message.limits());
  if (!change.ok()) return CheckRefused(change.status());
  const Limits limits = change->AppliedTo(Limits());
  CHECK(limits.max_connections >= 1 && limits.max_connections <= kReactorConnectionsMax);
  CHECK(limits.rate <= kRateMax && limits.accept_rate <= kAcceptRateMax);
  for (const Nanos time : {limits.idle_timeout, limits.max_age, limits.first_byte_timeout}) {
    CHECK(time == 0 || (time >= kTimeLimitMin && time <= kTimeLimitMax));
  }
}

void Watch(std::uint8_t format, const std::string& text) {
  pb::WatchStatsRequest message;
  if (!Parse(format, text, message)) return;
  const auto interval = WatchInterval(message);
  if (!interval.ok()) return CheckRefused(interval.status());
  CHECK(*interval >= kWatchIntervalMin && *interval <= kWatchIntervalMax);
}

}  // namespace
}  // namespace echogw::server

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  using Target = void (*)(std::uint8_t, const std::string&);
  constexpr Target kTargets[] = {echogw::server::Resize, echogw::server::Move,
                                 echogw::server::Drain,  echogw::server::Rebalance,
                                 echogw::server::Steer,  echogw::server::Watch,
                                 echogw::server::Limit};
  kTargets[data[0] % std::size(kTargets)](data[1], std::string(data + 2, data + size));
  return 0;
}
