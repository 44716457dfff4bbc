// events: what operators and the gateway did, by ListEvents, and as it happens by WatchEvents.
#include <algorithm>

#include "absl/strings/str_format.h"
#include "ctl/base/printable.h"
#include "ctl/verbs/verb.h"

namespace echogw::ctl {
namespace {

using admin::v1::Event;
using admin::v1::WatchEventsResponse;

// As many as the gateway keeps.
constexpr std::uint64_t kMaxLimit = 1000;
constexpr std::uint32_t kEventsShown = 100;

// History and stream have the same columns. ACTOR fits an address and every actor in the history.
constexpr char kRow[] = "%6s  %-24s  %-8s  %-16s  %-*s  %4s  %s\n";
constexpr int kActorWidth = 22;

int ActorWidth(const admin::v1::ListEventsResponse& history) {
  int width = kActorWidth;
  for (const Event& event : history.events()) {
    width = std::max(width, static_cast<int>(Printable(event.actor()).size()));
  }
  return width;
}

void PrintHeader(std::ostream& out, int actor_width) {
  out << absl::StrFormat(kRow, "ID", "TIME", "SEVERITY", "KIND", actor_width, "ACTOR", "OP",
                         "MESSAGE");
}

void PrintEvent(std::ostream& out, const Event& event, int actor_width) {
  out << absl::StrFormat(
      kRow, absl::StrCat(event.id()), TimeText(event.time()), EnumText(event.severity()),
      Printable(event.kind()), actor_width, Printable(event.actor()),
      event.operation() == 0 ? "-" : absl::StrCat(event.operation()), Printable(event.message()));
}

class EventsCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {"events",
            "Show what operators and the gateway did, when, and with what result",
            "  echogwctl events                         # the newest 100, newest last\n"
            "  echogwctl events --limit 10\n"
            "  echogwctl events --after 42              # those after event 42\n"
            "  echogwctl events --watch                 # and then each new one, until Ctrl-C\n"
            "  echogwctl events --watch --limit 0       # new ones only\n"
            "  echogwctl events -o json | jq '.events[] | select(.kind == \"drain\")'",
            "The gateway keeps its last 1000 events. ACTOR is the address an admin call came from, "
            "'signal' or 'gateway'. OP is the operation an event belongs to: see 'echogwctl "
            "operation'.",
            {{0, "done; a watch was ended by Ctrl-C or its reader"},
             {3, "no response in time, or the gateway went away during the watch"}}};
  }

  void AddOptions(OptionSet& options) override {
    options.Count("--after", &after_, {}, "Only events after the one with this id");
    options.Count("--limit", &limit_, {.max = kMaxLimit},
                  "Show at most this many, the newest (100)");
    options.Flag("-w,--watch", &watch_, "Continue with new events until Ctrl-C");
  }

  ExitCode Run(CommandContext& context) override {
    if (limit_ == 0 && !watch_) {
      return Fail(context, ExitCode::kUsage,
                  "events: --limit 0 shows nothing; use at least 1, or add --watch");
    }
    admin::v1::ListEventsRequest request;
    request.set_after_id(after_);
    // 0 means the default to the API; the last event tells where new ones begin.
    request.set_limit(limit_ == 0 ? 1 : limit_);
    if (!watch_) {
      return CallAndEmit<&Admin::ListEvents>(context, request, [&](const auto& history) {
        const int width = ActorWidth(history);
        PrintHeader(context.out, width);
        for (const Event& event : history.events()) PrintEvent(context.out, event, width);
      });
    }
    const auto reply = Call<&Admin::ListEvents>(context, request);
    return reply.status.ok() ? Watch(context, reply.message) : FailRpc(context, reply.status);
  }

 private:
  ExitCode Watch(CommandContext& context, const admin::v1::ListEventsResponse& history) const {
    admin::v1::WatchEventsRequest request;
    request.set_after_id(history.events().empty() ? after_ : history.events().rbegin()->id());
    Stream<&Admin::WatchEvents> stream(context, request, context.client.timeout());
    stream.AllowSilence();
    const int width = ActorWidth(history);
    if (context.format == OutputFormat::kTable) PrintHeader(context.out, width);
    std::uint64_t upgrades = Call<&Admin::GetStats>(context).message.upgrades();
    WatchEventsResponse response;
    if (limit_ > 0) *response.mutable_events() = history.events();
    do {
      do {
        Show(context, response, width);
        if (!response.events().empty()) request.set_after_id(response.events().rbegin()->id());
      } while (stream.Read(response));
      response.Clear();
    } while (stream.Resume(request, upgrades));
    return stream.End();
  }

  static void Show(CommandContext& context, const WatchEventsResponse& response, int actor_width) {
    if (response.events().empty() && response.dropped() == 0) return;
    const auto print = [&] {
      if (response.dropped() > 0) {
        Remark(context, absl::StrCat(response.dropped(),
                                     " events were dropped here; they came "
                                     "faster than they were read"));
      }
      for (const Event& event : response.events()) PrintEvent(context.out, event, actor_width);
    };
    Emit(context, response, print, true);
  }

  std::uint64_t after_ = 0;
  std::uint32_t limit_ = kEventsShown;
  bool watch_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeEventsCommand() { return std::make_unique<EventsCommand>(); }

}  // namespace echogw::ctl
