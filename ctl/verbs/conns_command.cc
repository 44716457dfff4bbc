// conns: live connections, one of them in detail, or a stream of opens and closes.
#include <algorithm>
#include <limits>

#include "ctl/verbs/connection_filter.h"
#include "ctl/verbs/verb.h"
#include "ctl/views/connection_view.h"

namespace echogw::ctl {
namespace {

using admin::v1::Connection;
using admin::v1::ListConnectionsRequest;
using admin::v1::ListConnectionsResponse;

// Fits a screen.
constexpr std::uint64_t kConnectionsShown = 50;
// Per page: small beside gRPC's limit of 4 MiB per message.
constexpr std::uint64_t kPage = 1000;
// The largest page of the API, which is the most that the gateway sorts.
constexpr std::uint64_t kPageMax = 10'000;
constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();

std::uint64_t SortKey(const Connection& c, admin::v1::ConnectionSort sort) {
  switch (sort) {
    case admin::v1::CONNECTION_SORT_AGE:
      return static_cast<std::uint64_t>(FromProto(c.age()).count());
    case admin::v1::CONNECTION_SORT_IDLE:
      return static_cast<std::uint64_t>(FromProto(c.idle()).count());
    case admin::v1::CONNECTION_SORT_BYTES:
      return c.received_bytes() + c.sent_bytes();
    default:
      return c.pending_bytes();
  }
}

class ConnsCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {
        "conns",
        "List live connections, show one in detail, or watch opens and closes",
        "  echogwctl conns                            # the first 50\n"
        "  echogwctl conns --sort idle --limit 10     # the 10 idle the longest\n"
        "  echogwctl conns --reactor 0,2 --peer 10.0.0.0/8 --all\n"
        "  echogwctl conns --state blocked --sort pending\n"
        "  echogwctl conns --id 4711                  # with the kernel's TCP_INFO\n"
        "  echogwctl conns --watch --port 7000        # until Ctrl-C\n"
        "  echogwctl conns --all -o json | jq '.connections[] | select(.pending_bytes > 0) | .id'",
        "All given conditions must hold. Without --sort the order is by reactor and id; with it "
        "the largest come first. The list is not a snapshot: a connection that opens, closes or "
        "moves meanwhile may be missing or appear twice.\n\n"
        "--watch shows each connection as it opens and closes. If they come faster than they can "
        "be sent or read, the gateway drops some and reports how many.",
        {{0, "done, also if nothing matches; a watch was ended by Ctrl-C or its reader"},
         {1, "the gateway refused, or there is no connection with that id"},
         {3, "no response in time, or the gateway went away during the watch"}}};
  }

  void AddOptions(OptionSet& options) override {
    const auto conditions = conditions_.AddTo(options);
    auto sort = options.Choice("--sort", &sort_, {"age", "idle", "bytes", "pending"},
                               "Largest first (by reactor and id)");
    auto limit = options.Count("--limit", &limit_, {.min = 1}, "Show at most this many (50)");
    auto all = options.Flag("--all", &all_, "Show all that match").Excludes(limit);
    auto id = options.Count("--id", &id_, {.min = 1}, "One connection, with the kernel's TCP_INFO");
    auto watch = options.Flag("-w,--watch", &watch_, "Show opens and closes until Ctrl-C");
    for (const auto& handle : conditions.lasting) id.Excludes(handle);
    for (const auto& handle : conditions.momentary) {
      id.Excludes(handle);
      watch.Excludes(handle);
    }
    for (const auto& handle : {sort, limit, all}) {
      id.Excludes(handle);
      watch.Excludes(handle);
    }
    id.Excludes(watch);
  }

  ExitCode Run(CommandContext& context) override {
    if (id_) return One(context);
    return watch_ ? Watch(context) : List(context);
  }

 private:
  ExitCode One(CommandContext& context) const {
    admin::v1::GetConnectionRequest request;
    request.set_id(*id_);
    return CallAndEmit<&Admin::GetConnection>(
        context, request, [&](const auto& response) { PrintConnection(context.out, response); });
  }

  ExitCode List(CommandContext& context) const {
    const std::uint64_t want = all_ ? kAll : limit_.value_or(kConnectionsShown);
    const admin::v1::ConnectionSort sort = EnumOf<admin::v1::ConnectionSort>(sort_);
    // More than the gateway's largest page is sorted here.
    const bool sort_here = sort != admin::v1::CONNECTION_SORT_UNSPECIFIED && want > kPageMax;
    ListConnectionsRequest request;
    *request.mutable_filter() = conditions_.Filter();
    if (!sort_here) request.set_sort(sort);
    ListConnectionsResponse list;
    const ExitCode code = Fetch(context, std::move(request), sort_here ? kAll : want, list);
    if (code != ExitCode::kOk) return code;
    if (sort_here) SortAndCut(sort, want, list);
    Emit(context, list, [&] { PrintConnections(context.out, list, context.colour); });
    SayIfCut(context, list);
    return ExitCode::kOk;
  }

  // Follows the pages up to `want` connections; `list` is the last page with those of all.
  static ExitCode Fetch(CommandContext& context, ListConnectionsRequest request, std::uint64_t want,
                        ListConnectionsResponse& list) {
    for (;;) {
      const std::uint64_t missing = want - static_cast<std::uint64_t>(list.connections_size());
      const bool sorted = request.sort() != admin::v1::CONNECTION_SORT_UNSPECIFIED;
      request.set_page_size(
          static_cast<std::uint32_t>(std::min(missing, sorted ? kPageMax : kPage)));
      auto [status, page] = Call<&Admin::ListConnections>(context, request);
      if (!status.ok()) return FailRpc(context, status);
      if (!page.next_page_token().empty() && page.next_page_token() == request.page_token()) {
        return Fail(context, ExitCode::kRefused,
                    absl::StrCat(
                        context.client.target(),
                        " keeps sending the same page; compare versions with 'echogwctl version'"));
      }
      const bool first = request.page_token().empty();
      list.set_next_page_token(page.next_page_token());
      if (first && page.has_total()) list.set_total(page.total());
      for (Connection& connection : *page.mutable_connections()) {
        *list.add_connections() = std::move(connection);
      }
      if (page.next_page_token().empty() ||
          static_cast<std::uint64_t>(list.connections_size()) >= want) {
        return ExitCode::kOk;
      }
      request.set_page_token(page.next_page_token());
    }
  }

  static void SortAndCut(admin::v1::ConnectionSort sort, std::uint64_t want,
                         ListConnectionsResponse& list) {
    auto& connections = *list.mutable_connections();
    std::stable_sort(connections.begin(), connections.end(),
                     [sort](const Connection& a, const Connection& b) {
                       return SortKey(a, sort) > SortKey(b, sort);
                     });
    const auto found = static_cast<std::uint64_t>(connections.size());
    list.set_total(found);
    if (found > want) {
      const auto keep = static_cast<int>(want);
      connections.DeleteSubrange(keep, connections.size() - keep);
    }
  }

  static void SayIfCut(CommandContext& context, const ListConnectionsResponse& list) {
    const auto shown = static_cast<std::uint64_t>(list.connections_size());
    const bool of_known = list.has_total() && list.total() > shown;
    if (!of_known && list.next_page_token().empty()) return;
    Remark(context, absl::StrCat("showing ", of_known ? "" : "the first ", shown,
                                 of_known ? absl::StrCat(" of ", list.total()) : "",
                                 "; use --limit N or --all for more"));
  }

  ExitCode Watch(CommandContext& context) const {
    if (const ExitCode code = SayHowMany(context); code != ExitCode::kOk) return code;
    admin::v1::WatchConnectionsRequest request;
    *request.mutable_filter() = conditions_.Filter();
    Stream<&Admin::WatchConnections> stream(context, request, context.client.timeout());
    stream.AllowSilence();
    if (context.format == OutputFormat::kTable) {
      context.out << ConnectionEventHeader() << '\n' << std::flush;
    }
    admin::v1::WatchConnectionsResponse response;
    while (stream.Read(response)) {
      Emit(
          context, response, [&] { Show(context, response); }, true);
    }
    return stream.End();
  }

  // Also detects an unresponsive gateway: the stream itself is silent until something happens.
  static ExitCode SayHowMany(CommandContext& context) {
    const auto reply = Call<&Admin::GetStats>(context);
    if (!reply.status.ok()) return FailRpc(context, reply.status);
    if (context.err_is_terminal) {
      Remark(context, absl::StrCat(reply.message.total().connections_active(),
                                   " connections are open; Ctrl-C ends the watch"));
    }
    return ExitCode::kOk;
  }

  static void Show(CommandContext& context, const admin::v1::WatchConnectionsResponse& response) {
    if (response.dropped() > 0) {
      Remark(context, absl::StrCat(response.dropped(),
                                   " opens and closes were dropped here; they came faster "
                                   "than they were read"));
    }
    for (const auto& event : response.events()) context.out << ConnectionEventRow(event) << '\n';
  }

  ConnectionConditions conditions_;
  std::string sort_;
  std::optional<std::uint64_t> limit_;
  bool all_ = false;
  std::optional<std::uint64_t> id_;
  bool watch_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeConnsCommand() { return std::make_unique<ConnsCommand>(); }

}  // namespace echogw::ctl
