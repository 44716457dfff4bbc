// reactors: every reactor slot with its place in the steering and its listeners, by ListReactors.
#include "ctl/verbs/verb.h"
#include "ctl/views/rates.h"

namespace echogw::ctl {
namespace {

using admin::v1::Reactor;

std::vector<std::string> Row(const Reactor& reactor) {
  const auto& c = reactor.counters();
  const ListenerTotals totals = TotalsOf(reactor);
  const bool listens = reactor.listeners_size() > 0;
  return {absl::StrCat(reactor.id()),
          reactor.cpu() < 0 ? "-" : absl::StrCat(reactor.cpu()),
          EnumText(reactor.state()),
          absl::StrCat(reactor.steering_weight()),
          HumanCount(c.connections_active()),
          HumanCount(c.connections_moved_in()),
          HumanCount(c.connections_moved_out()),
          HumanCount(c.accepted_from_adopted()),
          listens ? absl::StrCat(totals.queue, "/", totals.queue_limit) : "-",
          listens ? HumanCount(totals.drops) : "-",
          HumanCount(c.loop_stalls()),
          HumanNanoseconds(c.loop_longest_nanoseconds())};
}

void PrintUdp(CommandContext& context, const admin::v1::ListReactorsResponse& response) {
  Table table(">REACTOR|>UDP IN|>UDP OUT|>NOT ECHOED|>SOCKETS|>QUEUE|>DROPS");
  for (const Reactor& reactor : response.reactors()) {
    const auto& udp = reactor.counters().udp();
    std::uint64_t queue = 0;
    std::uint64_t drops = 0;
    for (const auto& socket : reactor.udp_sockets()) {
      queue += socket.queue_bytes();
      drops += socket.drops();
    }
    table.AddRow({absl::StrCat(reactor.id()), HumanCount(udp.received_datagrams()),
                  HumanCount(udp.sent_datagrams()), HumanCount(FieldSum(udp.dropped())),
                  absl::StrCat(reactor.udp_sockets_size()), HumanBytes(queue), HumanCount(drops)});
  }
  context.out << '\n';
  table.Print(context.out, context.colour);
}

void Print(CommandContext& context, const admin::v1::ListReactorsResponse& response) {
  Table table(
      ">REACTOR|>CPU|STATE|>WEIGHT|>ACTIVE|>MOVED IN|>MOVED "
      "OUT|>ADOPTED|>QUEUE|>DROPS|>STALLS|>LONGEST");
  bool udp = false;
  for (const Reactor& reactor : response.reactors()) {
    table.AddRow(Row(reactor));
    udp = udp || reactor.udp_sockets_size() > 0;
  }
  table.Print(context.out, context.colour);
  if (udp) PrintUdp(context, response);
}

class ReactorsCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {
        "reactors", "Show every reactor: steering, moves, accept queue, drops, stalls",
        "  echogwctl reactors\n"
        "  echogwctl reactors -o json | jq '.reactors[] | {id, state, steering_weight}'",
        "Every slot ever used is listed, including parked ones. ADOPTED counts connections that a "
        "reactor accepted for a parked one. QUEUE is the number of connections waiting to be "
        "accepted, and the limit; DROPS what the kernel dropped there. STALLS counts loop "
        "iterations over the stall threshold, LONGEST is the longest of all. With UDP there is a "
        "second table, in datagrams; its DROPS are those the kernel dropped at full sockets."};
  }

  ExitCode Run(CommandContext& context) override {
    return CallAndEmit<&Admin::ListReactors>(context, {},
                                             [&](const auto& list) { Print(context, list); });
  }
};

}  // namespace

std::unique_ptr<Command> MakeReactorsCommand() { return std::make_unique<ReactorsCommand>(); }

}  // namespace echogw::ctl
