// One condition of `wait`: what was typed, and whether a snapshot meets it. A value; pure.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "echogw/admin/v1/admin.pb.h"

namespace echogw::ctl {

class WaitCondition {
 public:
  // INVALID_ARGUMENT, with a sentence that says what to type, for anything else.
  static absl::StatusOr<WaitCondition> Parse(const std::string& text);

  // As it was typed.
  [[nodiscard]] const std::string& text() const { return text_; }
  // The operation it is about; 0 for a condition on a snapshot, which the rest is for.
  [[nodiscard]] std::uint64_t operation() const {
    return subject_ == Subject::kOperation ? number_ : 0;
  }

  [[nodiscard]] bool Holds(const admin::v1::GetStatsResponse& stats) const;
  // Its value in the snapshot, as in "12" or "quiet".
  [[nodiscard]] std::string Observed(const admin::v1::GetStatsResponse& stats) const;

 private:
  enum class Subject { kServing, kDrained, kConnections, kReactors, kOperation };
  using Compare = bool (*)(std::uint64_t, std::uint64_t);

  [[nodiscard]] std::uint64_t Count(const admin::v1::GetStatsResponse& stats) const;

  std::string text_;
  Subject subject_ = Subject::kServing;
  Compare holds_ = nullptr;
  std::uint64_t number_ = 0;
};

}  // namespace echogw::ctl
