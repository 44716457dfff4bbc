#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
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

// How wide each column is, the blank before it included; the peer's takes what is left.
constexpr int kIdWidth = 10;
constexpr int kPeerWidth = 23;
constexpr int kMostExtraPeer = 26;
constexpr int kStateWidth = 9;
constexpr std::array<std::pair<const char*, int>, 5> kNumbers = {
    {{"AGE", 8}, {"IDLE", 8}, {"IN", 7}, {"OUT", 7}, {"UNREAD", 8}}};

int PeerWidth(const CellGrid& grid) {
  return kPeerWidth + std::clamp(grid.width() - 80, 0, kMostExtraPeer);
}

void DrawConnection(CellGrid& grid, const Connection& c, int y) {
  int x = kIdWidth;
  grid.PutRight(x, y, absl::StrCat(c.id()), kIdWidth - 1);
  grid.Put(x + 1, y, c.peer(), Style::kPlain, PeerWidth(grid) - 1);
  x += PeerWidth(grid);
  grid.Put(x + 1, y, EnumText(c.state()),
           c.state() == admin::v1::CONNECTION_STATE_OPEN ? Style::kPlain : Style::kWarn,
           kStateWidth - 1);
  x += kStateWidth;
  const std::array<std::string, kNumbers.size()> texts = {
      HumanDuration(FromProto(c.age())), HumanDuration(FromProto(c.idle())),
      CompactBytes(static_cast<double>(c.received_bytes())),
      CompactBytes(static_cast<double>(c.sent_bytes())),
      CompactBytes(static_cast<double>(c.pending_bytes()))};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    x += kNumbers[i].second;
    grid.PutRight(x, y, texts[i], kNumbers[i].second - 1);
  }
}

void DrawTitles(CellGrid& grid, int y) {
  grid.StyleRow(y, Style::kHeading);
  int x = kIdWidth;
  grid.PutRight(x, y, "ID", kIdWidth, Style::kHeading);
  grid.Put(x + 1, y, "PEER", Style::kHeading);
  x += PeerWidth(grid);
  grid.Put(x + 1, y, "STATE", Style::kHeading);
  x += kStateWidth;
  for (const auto& [title, width] : kNumbers) {
    x += width;
    grid.PutRight(x, y, title, width, Style::kHeading);
  }
}

using Pairs = std::vector<std::pair<const char*, std::string>>;

Pairs ConnectionFacts(const Connection& c) {
  Pairs facts = {{"Peer", c.peer()}};
  if (!c.proxied_by().empty()) facts.emplace_back("Proxied by", c.proxied_by());
  const Pairs rest = {{"Local", c.local()},
                      {"Mode", c.mode()},
                      {"Reactor", absl::StrCat(c.reactor())},
                      {"State", EnumText(c.state())},
                      {"Age", HumanDuration(FromProto(c.age()))},
                      {"Idle", HumanDuration(FromProto(c.idle()))},
                      {"Received", HumanBytes(c.received_bytes())},
                      {"Sent", HumanBytes(c.sent_bytes())},
                      {"Unread", HumanBytes(c.pending_bytes())}};
  facts.insert(facts.end(), rest.begin(), rest.end());
  return facts;
}

std::string Microseconds(std::uint64_t count) {
  return HumanDuration(std::chrono::microseconds(static_cast<std::int64_t>(count)));
}

Pairs KernelFacts(const TcpInfo& tcp) {
  return {
      {"TCP state", tcp.state()},
      {"Round trip", absl::StrCat(Microseconds(tcp.round_trip_microseconds()), ", least ",
                                  Microseconds(tcp.round_trip_least_microseconds()))},
      {"Variance", Microseconds(tcp.round_trip_variance_microseconds())},
      {"Retransmits", HumanCount(tcp.retransmits())},
      {"Window", absl::StrCat(tcp.congestion_window(), " segments of ", tcp.segment_bytes(), " B")},
      {"Unacked",
       absl::StrCat(tcp.unacknowledged_segments(), " segments, lost ", tcp.lost_segments())},
      {"Unsent", HumanBytes(tcp.unsent_bytes())},
      {"Out queue", HumanBytes(tcp.output_queue_bytes())},
      {"In queue", HumanBytes(tcp.input_queue_bytes())},
      {"Delivery", HumanByteRate(static_cast<double>(tcp.delivery_rate_bytes_per_second()))}};
}

void DrawPairs(CellGrid& grid, const Pairs& pairs, int x, int y, int width) {
  constexpr int kLabel = 13;
  for (const auto& [label, value] : pairs) {
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
  DrawPairs(grid, ConnectionFacts(view.detail.response.connection()), 1, top + 2, half - 2);
  DrawPairs(grid, KernelFacts(view.detail.response.tcp()), half + 1, top + 2, half - 2);
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
  DrawTitles(grid, top + 1);
  const int count = view.response.connections_size();
  const int first = top + 2;
  state.page = std::max(bottom - first, 1);
  if (DrawNoRows(grid, view.loading, count, first, "no connections")) return;
  DrawList(grid, state, view.cursor, count, first, bottom, bottom, true,
           [&](int i, int y) { DrawConnection(grid, view.response.connections(i), y); });
}

}  // namespace echogw::ctl::top
