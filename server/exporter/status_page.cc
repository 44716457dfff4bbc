#include "server/exporter/status_page.h"

#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "echogw/status/v1/status.pb.h"
#include "server/admin/messages/field_messages.h"
#include "server/admin/messages/stats_messages.h"
#include "server/status_page_files.h"

namespace echogw::server {
namespace {

constexpr std::size_t kEventsShown = 20;

constexpr const char* kHtmlType = "text/html; charset=utf-8";
constexpr const char* kCssType = "text/css; charset=utf-8";
constexpr const char* kScriptType = "text/javascript; charset=utf-8";
constexpr const char* kSvgType = "image/svg+xml";
constexpr const char* kJsonType = "application/json";

// Only resources of this server, nothing inline, no embedding in frames.
constexpr const char* kPagePolicy =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'\r\nReferrer-Policy: no-referrer\r\n";
constexpr const char* kPartPolicy = "Content-Security-Policy: default-src 'none'\r\n";

std::string Escape(std::string_view text) {
  return absl::StrReplaceAll(
      {text.data(), text.size()},
      {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
}

std::string StateWord(admin::v1::GatewayState state) {
  const std::string& name = admin::v1::GatewayState_Name(state);
  constexpr std::string_view kPrefix = "GATEWAY_STATE_";
  return absl::AsciiStrToLower(name.substr(std::min(name.size(), kPrefix.size())));
}

HttpReply Part(const char* type, std::string_view body) {
  return {.type = type, .body = std::string(body), .headers = kPartPolicy};
}

}  // namespace

StatusPage::StatusPage(const Control& control, const EventLog& events, const LogControl& log,
                       StatusPageOptions options)
    : control_(control), events_(events), log_(log), options_(std::move(options)) {}

std::optional<HttpReply> StatusPage::Get(std::string_view path) const {
  if (path == "/") return Html();
  if (path == "/status.json") return Json();
  if (path == "/status.css") return Part(kCssType, generated::kStatusCss);
  if (path == "/status.js") return Part(kScriptType, generated::kStatusJs);
  if (path == "/status.svg") return Part(kSvgType, generated::kStatusSvg);
  return std::nullopt;
}

status::v1::Status StatusPage::Snapshot() const {
  status::v1::Status status;
  status.set_version(options_.build.version);
  status.set_revision(options_.build.revision);
  const GatewayStats stats = FillStats(control_, log_.lines_dropped(), *status.mutable_stats());
  ToProto(stats.lineage.start_time, *status.mutable_start_time());
  for (const Event& event : events_.After(0, kEventsShown).events) {
    ToProto(event, *status.add_events());
  }
  return status;
}

HttpReply StatusPage::Json() const {
  google::protobuf::util::JsonPrintOptions print;
  print.preserve_proto_field_names = true;
  print.always_print_primitive_fields = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(Snapshot(), &json, print).ok()) {
    return {.code = 500,
            .reason = "Internal Server Error",
            .body = "cannot encode the status as JSON\n"};
  }
  return Part(kJsonType, absl::StrCat(json, "\n"));
}

HttpReply StatusPage::Html() const {
  const status::v1::Status status = Snapshot();
  const admin::v1::GetStatsResponse& stats = status.stats();
  const auto running = std::count_if(
      stats.reactors().begin(), stats.reactors().end(),
      [](const auto& reactor) { return reactor.state() != admin::v1::REACTOR_STATE_PARKED; });
  // Whole seconds are easier to read.
  google::protobuf::Timestamp time = stats.time();
  time.clear_nanos();
  const std::int64_t uptime = stats.uptime().seconds();
  std::string body = absl::StrReplaceAll(
      {generated::kIndexHtml.data(), generated::kIndexHtml.size()},
      {{"{{state}}", Escape(StateWord(stats.state()))},
       {"{{version}}", Escape(status.version())},
       {"{{revision}}", Escape(status.revision().empty() ? "unknown" : status.revision())},
       {"{{uptime}}", uptime == 0 ? "0s" : absl::FormatDuration(absl::Seconds(uptime))},
       {"{{time}}", google::protobuf::util::TimeUtil::ToString(time)},
       {"{{connections}}", absl::StrCat(stats.total().connections_active())},
       {"{{reactors}}", absl::StrCat(running, " running")}});
  return {.type = kHtmlType, .body = std::move(body), .headers = kPagePolicy};
}

}  // namespace echogw::server
