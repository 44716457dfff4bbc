#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "ctl/output/emit.h"
#include "ctl/output/proto_document.h"
#include "ctl/output/units.h"
#include "ctl/top/draw.h"
#include "ctl/views/enum_text.h"

namespace echogw::ctl::top {
namespace {

using admin::v1::Connection;
using admin::v1::TcpInfo;

// By the values of the enum.
constexpr std::array<const char*, 5> kSortTexts = {"by id", "oldest first", "longest idle first",
                                                   "most bytes first", "most unread bytes first"};

std::string CountText(const ConnectionsView& view) {
  const auto shown = static_cast<std::uint64_t>(view.response.connections_size());
  if (!view.response.has_total() || view.response.total() <= shown) return HumanCount(shown);
  return absl::StrCat(shown, " of ", HumanCount(view.response.total()));
}

std::vector<ListColumn> ColumnsOf(const CellGrid& grid) {
  constexpr int kMostExtraPeer = 26;
  return {{"ID", 10},         {"PEER", 23 + std::clamp(grid.width() - 80, 0, kMostExtraPeer), true},
          {"STATE", 9, true}, {"AGE", 8},
          {"IDLE", 8},        {"IN", 7},
          {"OUT", 7},         {"UNREAD", 8}};
}

std::vector<ListCell> CellsOf(const Connection& c) {
  const bool open = c.state() == admin::v1::CONNECTION_STATE_OPEN;
  return {{absl::StrCat(c.id())},
          {c.peer()},
          {EnumText(c.state()), open ? Style::kPlain : Style::kWarn},
          {HumanDuration(FromProto(c.age()))},
          {HumanDuration(FromProto(c.idle()))},
          {CompactBytes(static_cast<double>(c.received_bytes()))},
          {CompactBytes(static_cast<double>(c.sent_bytes()))},
          {CompactBytes(static_cast<double>(c.pending_bytes()))}};
}

Facts ConnectionFacts(const Connection& c) {
  return {{"Peer", c.peer()},
          {"Proxied by", c.proxied_by()},
          {"Local", c.local()},
          {"Mode", c.mode()},
          {"Reactor", absl::StrCat(c.reactor())},
          {"State", EnumText(c.state())},
          {"Age", HumanDuration(FromProto(c.age()))},
          {"Idle", HumanDuration(FromProto(c.idle()))},
          {"Received", HumanBytes(c.received_bytes())},
          {"Sent", HumanBytes(c.sent_bytes())},
          {"Unread", HumanBytes(c.pending_bytes())}};
}

Facts KernelFacts(const TcpInfo& tcp) {
  return {
      {"TCP state", tcp.state()},
      {"Round trip", absl::StrCat(HumanMicroseconds(tcp.round_trip_microseconds()), ", least ",
                                  HumanMicroseconds(tcp.round_trip_least_microseconds()))},
      {"Variance", HumanMicroseconds(tcp.round_trip_variance_microseconds())},
      {"Retransmits", HumanCount(tcp.retransmits())},
      {"Window", absl::StrCat(tcp.congestion_window(), " segments of ", tcp.segment_bytes(), " B")},
      {"Unacked",
       absl::StrCat(tcp.unacknowledged_segments(), " segments, lost ", tcp.lost_segments())},
      {"Unsent", HumanBytes(tcp.unsent_bytes())},
      {"Out queue", HumanBytes(tcp.output_queue_bytes())},
      {"In queue", HumanBytes(tcp.input_queue_bytes())},
      {"Delivery", HumanByteRate(static_cast<double>(tcp.delivery_rate_bytes_per_second()))}};
}

// Those with an empty value are left out.
void DrawFacts(CellGrid& grid, const Facts& facts, int x, int y, int width) {
  constexpr int kLabel = 13;
  for (const auto& [label, value] : facts) {
    if (value.empty()) continue;
    grid.Put(x, y, label, Style::kDim, kLabel - 1);
    grid.Put(x + kLabel, y, value, Style::kPlain, width - kLabel);
    ++y;
  }
}

void DrawDetail(CellGrid& grid, const ConnectionsView& view, int top) {
  grid.Put(1, top, absl::StrCat("Connection ", *view.detail_id), Style::kBold);
  if (DrawNoRows(grid, view.detail_loading, 1, top + 2, "")) return;
  if (!view.detail_loading.loaded) return;
  const int half = grid.width() / 2;
  DrawFacts(grid, ConnectionFacts(view.detail.response.connection()), 1, top + 2, half - 2);
  DrawFacts(grid, KernelFacts(view.detail.response.tcp()), half + 1, top + 2, half - 2);
}

}  // namespace

void DrawConnections(CellGrid& grid, TopState& state, int top, int bottom) {
  ConnectionsView& view = state.connections;
  if (view.detail_id) {
    DrawDetail(grid, view, top);
    return;
  }
  std::string title = absl::StrCat("Connections of reactor ", view.reactor, ", ",
                                   kSortTexts.at(static_cast<std::size_t>(view.sort)));
  if (view.loading.loaded && view.loading.error.empty()) {
    absl::StrAppend(&title, ": ", CountText(view));
  }
  grid.Put(1, top, title, Style::kBold, grid.width() - 1);
  const std::vector<ListColumn> columns = ColumnsOf(grid);
  DrawTitles(grid, top + 1, columns);
  const int count = view.response.connections_size();
  const int first = top + 2;
  state.page = std::max(bottom - first, 1);
  if (DrawNoRows(grid, view.loading, count, first, "no connections")) return;
  DrawList(grid, state, view.cursor, count, first, bottom, bottom, true,
           [&](int i, int y) { DrawRow(grid, y, columns, CellsOf(view.response.connections(i))); });
}

}  // namespace echogw::ctl::top
