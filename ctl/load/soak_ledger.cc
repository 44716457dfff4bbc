#include "ctl/load/soak_ledger.h"

#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "ctl/gateway/call.h"
#include "ctl/output/proto_document.h"

namespace echogw::ctl::load {
namespace {

using admin::v1::Counters;
using admin::v1::GetStatsResponse;

constexpr std::chrono::milliseconds kAskCountersEvery{20};

// Whether every connection is in exactly one place.
bool IsBalanced(const Counters& counters) {
  return counters.connections_accepted() + counters.connections_moved_in() ==
         FieldSum(counters.connections_closed()) + counters.connections_moved_out() +
             counters.connections_active();
}

std::string DescribeBalance(const Counters& counters) {
  return absl::StrCat(
      counters.connections_accepted(), " accepted + ", counters.connections_moved_in(),
      " moved in, but ", FieldSum(counters.connections_closed()), " closed + ",
      counters.connections_moved_out(), " moved out + ", counters.connections_active(), " active");
}

bool IsSettled(const GetStatsResponse& stats, std::uint64_t active) {
  if (stats.total().connections_active() > active) return false;
  for (const admin::v1::Reactor& reactor : stats.reactors()) {
    if (!IsBalanced(reactor.counters())) return false;
  }
  return IsBalanced(stats.total()) &&
         stats.total().connections_moved_in() == stats.total().connections_moved_out();
}

}  // namespace

std::vector<std::string> CheckLedger(const GetStatsResponse& before, const GetStatsResponse& after,
                                     const ClientTotals& clients) {
  std::vector<std::string> faults;
  if (FromProto(after.uptime()) < FromProto(before.uptime())) {
    faults.emplace_back("the gateway was restarted");
    return faults;
  }
  const Counters& total = after.total();
  if (!IsBalanced(total)) {
    faults.push_back(absl::StrCat("the totals do not add up: ", DescribeBalance(total)));
  }
  if (total.connections_moved_in() != total.connections_moved_out()) {
    faults.push_back(absl::StrCat(total.connections_moved_out(), " connections moved out, but ",
                                  total.connections_moved_in(), " moved in"));
  }
  for (const admin::v1::Reactor& reactor : after.reactors()) {
    if (IsBalanced(reactor.counters())) continue;
    faults.push_back(absl::StrCat("reactor ", reactor.id(),
                                  " does not add up: ", DescribeBalance(reactor.counters())));
  }
  const auto less = [&](const char* what, std::uint64_t server, std::uint64_t client) {
    if (server >= client) return;
    faults.push_back(
        absl::StrCat("the gateway ", what, " ", server, ", the clients know of ", client));
  };
  // A client does not see whether its connection was taken or turned away at once.
  const auto taken = [](const Counters& counters) {
    return counters.connections_accepted() + FieldSum(counters.connections_rejected());
  };
  less("accepted or rejected connections:", taken(total) - taken(before.total()), clients.connects);
  less("received bytes:", total.received_bytes() - before.total().received_bytes(),
       clients.verified_bytes);
  less("sent bytes:", total.sent_bytes() - before.total().sent_bytes(), clients.verified_bytes);
  return faults;
}

grpc::Status WaitUntilQuiet(Client& client, std::uint64_t active, Duration limit,
                            GetStatsResponse* stats, bool* busy) {
  const auto give_up = std::chrono::steady_clock::now() + limit;
  *busy = false;
  std::uint64_t accepted = UINT64_MAX;
  for (;;) {
    auto [status, message] = CallThroughUpgrade<&Admin::GetStats>(client);
    if (!status.ok()) return status;
    *stats = std::move(message);
    if (IsSettled(*stats, active)) {
      *busy = false;
      return status;
    }
    const std::uint64_t now_accepted = stats->total().connections_accepted();
    if (accepted != UINT64_MAX && now_accepted != accepted) *busy = true;
    accepted = now_accepted;
    if (std::chrono::steady_clock::now() >= give_up) return status;
    std::this_thread::sleep_for(kAskCountersEvery);
  }
}

Document GrowthDocument(const google::protobuf::Message& before,
                        const google::protobuf::Message& after) {
  const google::protobuf::Descriptor& type = *after.GetDescriptor();
  Document document = Document::Object();
  for (int i = 0; i < type.field_count(); ++i) {
    const google::protobuf::FieldDescriptor* field = type.field(i);
    document.Set(std::string(field->name()), after.GetReflection()->GetUInt64(after, field) -
                                                 before.GetReflection()->GetUInt64(before, field));
  }
  return document;
}

Document LedgerDocument(const GetStatsResponse& before, const GetStatsResponse& after) {
  const Counters& from = before.total();
  const Counters& to = after.total();
  const auto accept_errors = [](const Counters& c) {
    return c.accept_errors_fd() + c.accept_errors_memory() + c.accept_errors_other();
  };
  return Document::Object(
      {{"connections_active", to.connections_active()},
       {"connections_accepted", to.connections_accepted() - from.connections_accepted()},
       {"connections_closed", GrowthDocument(from.connections_closed(), to.connections_closed())},
       {"connections_rejected",
        FieldSum(to.connections_rejected()) - FieldSum(from.connections_rejected())},
       {"connections_moved_in", to.connections_moved_in() - from.connections_moved_in()},
       {"connections_moved_out", to.connections_moved_out() - from.connections_moved_out()},
       {"accepted_from_adopted", to.accepted_from_adopted() - from.accepted_from_adopted()},
       {"received_bytes", to.received_bytes() - from.received_bytes()},
       {"sent_bytes", to.sent_bytes() - from.sent_bytes()},
       {"accept_errors", accept_errors(to) - accept_errors(from)},
       {"loop_stalls", to.loop_stalls() - from.loop_stalls()}});
}

}  // namespace echogw::ctl::load
