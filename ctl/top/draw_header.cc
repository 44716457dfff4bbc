#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "ctl/output/proto_document.h"
#include "ctl/output/units.h"
#include "ctl/top/draw.h"
#include "ctl/views/enum_text.h"

namespace echogw::ctl::top {
namespace {

using admin::v1::Counters;
using admin::v1::GetStatsResponse;
using TimePoint = TopClock::time_point;

Style StyleOf(admin::v1::GatewayState state) {
  switch (state) {
    case admin::v1::GATEWAY_STATE_SERVING:
      return Style::kGood;
    case admin::v1::GATEWAY_STATE_CLOSING:
    case admin::v1::GATEWAY_STATE_DRAINED:
    case admin::v1::GATEWAY_STATE_STOPPED:
      return Style::kBad;
    default:
      return Style::kWarn;
  }
}

// The time of the data, or its age and why it is not updated.
std::string Freshness(const TopState& state, TimePoint now) {
  if (!state.fresh) return state.lost ? "LOST, no data yet" : "connecting";
  const std::string age = absl::StrCat("data ", AgeText(now - *state.fresh), " old");
  if (state.lost) return absl::StrCat("LOST, ", age);
  if (now - *state.fresh > 2 * state.interval + std::chrono::seconds(1)) return age;
  return absl::StrCat(state.frozen ? "PAUSED " : "",
                      ClockText(state.shown().latest().time().seconds()), "Z every ",
                      FormatDuration(state.interval));
}

void DrawTitle(CellGrid& grid, const TopState& state, TimePoint now) {
  const std::string fresh = absl::StrCat(Freshness(state, now), " ");
  const TopModel& model = state.shown();
  std::string after;
  std::string gateway_state;
  if (!model.empty()) {
    gateway_state = EnumText(model.latest().state());
    if (!state.info.version().empty()) absl::StrAppend(&after, "  ", state.info.version());
    // A narrow terminal needs the space for the target.
    if (!state.info.revision().empty() && grid.width() >= 100) {
      absl::StrAppend(&after, " (", state.info.revision(), ")");
    }
    absl::StrAppend(&after, "  up ", HumanDuration(FromProto(model.latest().uptime())));
  }
  const int end = grid.width() - CellWidth(fresh);
  grid.StyleRow(0, Style::kTitle);
  int x = grid.Put(0, 0, " echogw ", Style::kTitle);
  const int others = CellWidth(gateway_state) + CellWidth(after) + 4;
  x = grid.Put(x, 0, state.target, Style::kTitle, std::max(end - x - others, 8));
  if (!model.empty()) {
    x = grid.Put(x, 0, "  ", Style::kTitle);
    x = grid.Put(x, 0, gateway_state, StyleOf(model.latest().state()), end - x);
    grid.Put(x, 0, after, Style::kTitle, end - x);
  }
  const bool alarm = state.lost || state.frozen;
  grid.Put(end, 0, fresh, alarm ? Style::kBad : Style::kTitle);
}

struct Total {
  const char* label;
  std::string value;
  Figure figure;
};

// Six figures with their sparklines, two a row.
void DrawTotals(CellGrid& grid, const TopModel& model) {
  const auto& rates = model.rates();
  const auto count = [&](double Rates::*field) { return rates ? HumanRate(*rates.*field) : "-"; };
  const auto bytes = [&](double Rates::*field) {
    return rates ? HumanByteRate(*rates.*field) : "-";
  };
  const std::vector<Total> totals = {
      {"Connections", HumanCount(model.latest().total().connections_active()),
       Figure::kConnections},
      {"Accepts/s", count(&Rates::accepts), Figure::kAccepts},
      {"Messages/s", count(&Rates::messages), Figure::kMessages},
      {"CPU", model.cpu() ? absl::StrFormat("%.1f%%", 100 * *model.cpu()) : "-", Figure::kCpu},
      {"In", bytes(&Rates::received_bytes), Figure::kReceived},
      {"Out", bytes(&Rates::sent_bytes), Figure::kSent},
  };
  const int half = grid.width() / 2;
  constexpr int kLabel = 12;
  constexpr int kValue = 11;
  for (std::size_t i = 0; i < totals.size(); ++i) {
    const int x = i % 2 == 0 ? 1 : half + 1;
    const int y = 1 + static_cast<int>(i) / 2;
    grid.Put(x, y, totals[i].label, Style::kDim, kLabel);
    grid.PutRight(x + kLabel + kValue - 2, y, totals[i].value, kValue, Style::kBold);
    const int spark = half - kLabel - kValue - 1;
    grid.Put(x + kLabel + kValue - 1, y, Sparkline(model.history(totals[i].figure), spark),
             Style::kSpark);
  }
}

struct Fact {
  std::string text;
  Style style = Style::kWarn;
};

// Problems since the gateway started, if any.
std::vector<Fact> FactsOf(const TopModel& model) {
  const GetStatsResponse& stats = model.latest();
  const Counters& total = stats.total();
  std::vector<Fact> facts = {
      {absl::StrCat("memory ", HumanBytes(stats.process_resident_bytes())), Style::kPlain}};
  const auto warn = [&](const char* what, std::uint64_t value) {
    if (value > 0) facts.push_back({absl::StrCat(what, " ", HumanCount(value))});
  };
  warn("drops", model.drops());
  warn("rejected", FieldSum(total.connections_rejected()));
  warn("accept errors",
       total.accept_errors_fd() + total.accept_errors_memory() + total.accept_errors_other());
  if (total.loop_stalls() > 0) {
    facts.push_back({absl::StrCat("stalls ", HumanCount(total.loop_stalls()), " (",
                                  HumanNanoseconds(total.loop_longest_nanoseconds()), ")")});
  }
  if (total.pending_bytes() > 0) {
    facts.push_back({absl::StrCat("unread ", HumanBytes(total.pending_bytes()))});
  }
  warn("log lines lost", stats.log_lines_dropped());
  return facts;
}

std::string LostText(const LostFeed& lost, TimePoint now) {
  const auto left = std::chrono::ceil<std::chrono::seconds>(lost.retry_at - now);
  return absl::StrCat(lost.reason, "; retrying",
                      left.count() > 0 ? absl::StrCat(" in ", left.count(), " s") : "");
}

}  // namespace

std::string AgeText(Duration age) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(age);
  if (seconds.count() < 60) return absl::StrCat(std::max<std::int64_t>(seconds.count(), 0), " s");
  return HumanDuration(seconds);
}

std::string ClockText(std::int64_t unix_seconds) {
  constexpr std::int64_t kDay = 86'400;
  const std::int64_t second = (unix_seconds % kDay + kDay) % kDay;
  return absl::StrFormat("%02d:%02d:%02d", second / 3600, second / 60 % 60, second % 60);
}

void DrawHeader(CellGrid& grid, const TopState& state, TimePoint now) {
  DrawTitle(grid, state, now);
  const TopModel& model = state.shown();
  if (!model.empty()) DrawTotals(grid, model);
  constexpr int kFactsRow = kHeaderRows - 1;
  if (state.lost) {
    grid.Put(1, kFactsRow, LostText(*state.lost, now), Style::kBad);
    return;
  }
  if (model.empty()) return;
  int x = 1;
  for (const Fact& fact : FactsOf(model)) {
    if (x + CellWidth(fact.text) > grid.width()) continue;
    x = grid.Put(x, kFactsRow, fact.text, fact.style) + 2;
  }
}

}  // namespace echogw::ctl::top
