#include "ctl/verbs/wait_condition.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
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
  const std::string number = text.substr(digits);
  if (relation == "<") {
    made.relation_ = Relation::kLess;
  } else if (relation == "<=") {
    made.relation_ = Relation::kAtMost;
  } else if (relation == ">") {
    made.relation_ = Relation::kMore;
  } else if (relation == ">=") {
    made.relation_ = Relation::kAtLeast;
  } else if (relation != "=") {
    return malformed;
  }
  // Digits only: SimpleAtoi alone would take a sign and blanks.
  if (number.empty() || number.find_first_not_of("0123456789") != std::string::npos ||
      !absl::SimpleAtoi(number, &made.number_)) {
    return malformed;
  }
  if (subject == "connections") {
    made.subject_ = Subject::kConnections;
  } else if (subject == "reactors") {
    made.subject_ = Subject::kReactors;
  } else if (subject == "operation" && made.relation_ == Relation::kEqual && made.number_ > 0) {
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
    case Subject::kConnections:
    case Subject::kReactors:
      break;
  }
  const std::uint64_t count = Count(stats);
  switch (relation_) {
    case Relation::kLess:
      return count < number_;
    case Relation::kAtMost:
      return count <= number_;
    case Relation::kMore:
      return count > number_;
    case Relation::kAtLeast:
      return count >= number_;
    case Relation::kEqual:
      break;
  }
  return count == number_;
}

std::string WaitCondition::Observed(const admin::v1::GetStatsResponse& stats) const {
  if (subject_ == Subject::kServing || subject_ == Subject::kDrained) {
    return EnumText(stats.state());
  }
  return absl::StrCat(Count(stats));
}

}  // namespace echogw::ctl
