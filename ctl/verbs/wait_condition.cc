#include "ctl/verbs/wait_condition.h"

#include <algorithm>
#include <map>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "ctl/output/units.h"
#include "ctl/views/enum_text.h"

namespace echogw::ctl {

absl::StatusOr<WaitCondition> WaitCondition::Parse(const std::string& text) {
  const absl::Status malformed = absl::InvalidArgumentError(absl::StrCat(
      "'", text, "' is not a condition; use serving, drained, connections=N, reactors=N or ",
      "operation=ID; instead of = also <, <=, > or >= (in quotes), except for operation"));
  WaitCondition made;
  made.text_ = text;
  if (text == "serving" || text == "drained") {
    made.subject_ = text == "serving" ? Subject::kServing : Subject::kDrained;
    return made;
  }
  const std::size_t at = text.find_first_of("<>=");
  if (at == std::string::npos) return malformed;
  const std::size_t digits = std::min(text.find_first_not_of("<>=", at), text.size());
  const std::string subject = text.substr(0, at);
  const std::string relation = text.substr(at, digits - at);
  static const std::map<std::string, Compare> kRelations = {
      {"=", [](std::uint64_t a, std::uint64_t b) { return a == b; }},
      {"<", [](std::uint64_t a, std::uint64_t b) { return a < b; }},
      {"<=", [](std::uint64_t a, std::uint64_t b) { return a <= b; }},
      {">", [](std::uint64_t a, std::uint64_t b) { return a > b; }},
      {">=", [](std::uint64_t a, std::uint64_t b) { return a >= b; }}};
  const auto found = kRelations.find(relation);
  if (found == kRelations.end()) return malformed;
  made.holds_ = found->second;
  const auto number = ParseDigits(std::string_view(text).substr(digits));
  if (!number) return malformed;
  made.number_ = *number;
  if (subject == "connections") {
    made.subject_ = Subject::kConnections;
  } else if (subject == "reactors") {
    made.subject_ = Subject::kReactors;
  } else if (subject == "operation" && relation == "=" && made.number_ > 0) {
    made.subject_ = Subject::kOperation;
  } else {
    return malformed;
  }
  return made;
}

std::uint64_t WaitCondition::Count(const admin::v1::GetStatsResponse& stats) const {
  if (subject_ == Subject::kConnections) return stats.total().connections_active();
  return static_cast<std::uint64_t>(std::count_if(
      stats.reactors().begin(), stats.reactors().end(), [](const admin::v1::Reactor& reactor) {
        return reactor.state() == admin::v1::REACTOR_STATE_SERVING;
      }));
}

bool WaitCondition::Holds(const admin::v1::GetStatsResponse& stats) const {
  switch (subject_) {
    case Subject::kServing:
      return stats.state() == admin::v1::GATEWAY_STATE_SERVING;
    case Subject::kDrained:
      // A gateway that drains in order to stop may be past DRAINED at the next snapshot.
      return stats.state() == admin::v1::GATEWAY_STATE_DRAINED ||
             (stats.state() == admin::v1::GATEWAY_STATE_STOPPED &&
              stats.total().connections_active() == 0);
    case Subject::kOperation:
      return false;
    default:
      return holds_(Count(stats), number_);
  }
}

std::string WaitCondition::Observed(const admin::v1::GetStatsResponse& stats) const {
  if (subject_ == Subject::kServing || subject_ == Subject::kDrained) {
    return EnumText(stats.state());
  }
  return absl::StrCat(Count(stats));
}

}  // namespace echogw::ctl
