#include "ctl/views/connection_view.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "ctl/output/emit.h"
#include "ctl/output/proto_document.h"
#include "ctl/output/table.h"
#include "ctl/output/units.h"
#include "ctl/views/enum_text.h"

namespace echogw::ctl {
namespace {

using admin::v1::Connection;

// The kernel reports a number far past any window when it has no threshold yet.
std::string Threshold(std::uint64_t segments) {
  return segments >= 0x7fffffff ? "none" : HumanCount(segments);
}

Facts TcpFacts(const admin::v1::TcpInfo& tcp) {
  return {
      {"TCP state", tcp.state()},
      {"Round trip",
       absl::StrCat(HumanMicroseconds(tcp.round_trip_microseconds()), " +/- ",
                    HumanMicroseconds(tcp.round_trip_variance_microseconds()), ", minimum ",
                    HumanMicroseconds(tcp.round_trip_least_microseconds()))},
      {"Retransmits", absl::StrCat(HumanCount(tcp.retransmits()), " segments, ",
                                   HumanCount(tcp.lost_segments()), " presumed lost")},
      {"Window", absl::StrCat(HumanCount(tcp.congestion_window()), " segments of ",
                              HumanBytes(tcp.segment_bytes()), ", slow start up to ",
                              Threshold(tcp.slow_start_threshold()))},
      {"In flight", absl::StrCat(HumanCount(tcp.unacknowledged_segments()), " segments")},
      {"Not sent", HumanBytes(tcp.unsent_bytes())},
      {"Kernel queues", absl::StrCat(HumanBytes(tcp.output_queue_bytes()), " out, ",
                                     HumanBytes(tcp.input_queue_bytes()), " in")},
      {"Delivery rate", HumanByteRate(static_cast<double>(tcp.delivery_rate_bytes_per_second()))},
      {"Acknowledged", HumanBytes(tcp.bytes_acknowledged())},
      {"Kernel received", HumanBytes(tcp.bytes_received())}};
}

}  // namespace

void PrintConnections(std::ostream& out, const admin::v1::ListConnectionsResponse& list,
                      bool colour) {
  Table table(">ID|>REACTOR|STATE|PEER|LOCAL|>AGE|>IDLE|>IN|>OUT|>PENDING");
  for (const Connection& c : list.connections()) {
    table.AddRow({absl::StrCat(c.id()), absl::StrCat(c.reactor()), EnumText(c.state()), c.peer(),
                  c.local(), HumanDuration(FromProto(c.age())), HumanDuration(FromProto(c.idle())),
                  HumanBytes(c.received_bytes()), HumanBytes(c.sent_bytes()),
                  HumanBytes(c.pending_bytes())});
  }
  table.Print(out, colour);
}

void PrintConnection(std::ostream& out, const admin::v1::GetConnectionResponse& response) {
  const Connection& c = response.connection();
  Facts facts = {{"Connection", absl::StrCat(c.id())},
                 {"Reactor", absl::StrCat(c.reactor())},
                 {"State", EnumText(c.state())},
                 {"Mode", c.mode()},
                 {"Peer", c.peer()},
                 {"Proxied by", c.proxied_by()},
                 {"Local", c.local()},
                 {"TLS", c.tls_version().empty() ? "" : c.tls_version() + ", " + c.tls_cipher()},
                 {"Age", HumanDuration(FromProto(c.age()))},
                 {"Idle", HumanDuration(FromProto(c.idle()))},
                 {"Received", HumanBytes(c.received_bytes())},
                 {"Sent", HumanBytes(c.sent_bytes())},
                 {"Pending", HumanBytes(c.pending_bytes())}};
  if (response.has_tcp()) {
    const Facts tcp = TcpFacts(response.tcp());
    facts.insert(facts.end(), tcp.begin(), tcp.end());
  }
  PrintFacts(out, facts);
}

std::string ConnectionEventHeader() {
  return absl::StrFormat("%-24s  %-6s  %16s  %7s  %-21s  %-21s  %8s  %8s  %8s  %s", "TIME", "EVENT",
                         "ID", "REACTOR", "PEER", "LOCAL", "AGE", "IN", "OUT", "REASON");
}

std::string ConnectionEventRow(const admin::v1::ConnectionEvent& event) {
  const Connection& c = event.connection();
  const std::string row =
      absl::StrFormat("%s  %-6s  %16d  %7d  %-21s  %s", TimeText(event.time()),
                      EnumText(event.kind()), c.id(), c.reactor(), c.peer(), c.local());
  if (event.kind() == admin::v1::CONNECTION_EVENT_KIND_OPENED) return row;
  const std::string fill(c.local().size() < 21 ? 21 - c.local().size() : 0, ' ');
  // HumanDuration may hold a µ, which is two bytes and one column.
  const std::string age = HumanDuration(FromProto(c.age()));
  const std::string indent(DisplayWidth(age) < 8 ? 8 - DisplayWidth(age) : 0, ' ');
  return absl::StrFormat("%s%s  %s%s  %8s  %8s  %s", row, fill, indent, age,
                         HumanBytes(c.received_bytes()), HumanBytes(c.sent_bytes()),
                         WordsOf(event.close_reason()));
}

}  // namespace echogw::ctl
