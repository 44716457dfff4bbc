// close: ends connections, chosen by id or by conditions, by CloseConnections.
#include <algorithm>
#include <cstddef>

#include "absl/strings/str_join.h"
#include "ctl/verbs/connection_filter.h"
#include "ctl/verbs/verb.h"

namespace echogw::ctl {
namespace {

using admin::v1::CloseConnectionsResponse;

// In the worst case 50 KB of ids: the gateway takes 10,000 and 64 KiB.
constexpr std::ptrdiff_t kBatch = 5000;

std::string Connections(std::uint64_t count) {
  return absl::StrCat(count, count == 1 ? " connection" : " connections");
}

class CloseCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {"close",
            "Close connections, by id or by conditions",
            "  echogwctl close 4711 4712\n"
            "  echogwctl close --idle-min 10m --dry-run   # how many match?\n"
            "  echogwctl close --idle-min 10m --yes\n"
            "  echogwctl close --peer 192.0.2.7 --rst --yes",
            "Without --rst everything received is echoed first, then the gateway sends FIN and "
            "waits for the client's: the connection may stay in the state closing for a while. "
            "--rst closes at once and discards data that is buffered or in flight.\n\n"
            "If more than one connection matches, the command asks for confirmation on a terminal; "
            "elsewhere --yes is required, so that no script closes more than intended. The "
            "conditions are those of 'echogwctl conns', which shows what they match.",
            {{0, "closed; with conditions, also if nothing matched"},
             {1, "the gateway refused, no ID exists, or confirmation was declined"},
             {2, "invalid usage, or --yes is missing; nothing was closed"},
             {4, "some IDs do not exist; the others were closed"}}};
  }

  void AddOptions(OptionSet& options) override {
    auto ids = options.Counts("ID", &ids_, {.min = 1}, "Connection IDs, as 'conns' shows them");
    const auto conditions = conditions_.AddTo(options);
    for (const auto* group : {&conditions.lasting, &conditions.momentary}) {
      for (const auto& handle : *group) ids.Excludes(handle);
    }
    const auto fin =
        options.Flag("--fin", &fin_, "Echo what was received, then send FIN (the default)");
    options.Flag("--rst", &rst_, "Send RST at once; buffered and in-flight data is lost")
        .Excludes(fin);
    AddDryRun(options, &dry_run_);
    options.Flag("-y,--yes", &yes_, "Do not ask for confirmation");
  }

  ExitCode Run(CommandContext& context) override {
    if (ids_.empty() && conditions_.empty()) {
      return Fail(
          context, ExitCode::kUsage,
          "close: no connections selected; give IDs, as in 'close 4711', or conditions, as in "
          "'close --idle-min 10m'");
    }
    // One id is at most one connection: no need to ask.
    if (!dry_run_ && !yes_ && ids_.size() != 1) {
      const auto reply = CallInBatches(context, true);
      if (!reply.status.ok()) return FailRpc(context, reply.status);
      const ExitCode code = Confirm(context, reply.message.closed());
      if (code != ExitCode::kOk) return code;
    }
    const auto reply = CallInBatches(context, dry_run_);
    return reply.status.ok() ? Report(context, reply.message) : FailRpc(context, reply.status);
  }

 private:
  // The gateway limits the ids and the bytes of one request.
  Reply<CloseConnectionsResponse> CallInBatches(CommandContext& context, bool dry_run) const {
    admin::v1::CloseConnectionsRequest request;
    request.set_mode(rst_ ? admin::v1::CLOSE_MODE_RST : admin::v1::CLOSE_MODE_FIN);
    request.set_dry_run(dry_run);
    if (ids_.empty()) *request.mutable_filter() = conditions_.Filter();
    Reply<CloseConnectionsResponse> all;
    auto next = ids_.begin();
    do {
      const auto end = next + std::min<std::ptrdiff_t>(kBatch, ids_.end() - next);
      request.mutable_ids()->Clear();
      request.mutable_ids()->Add(next, end);
      auto [status, part] = Call<&Admin::CloseConnections>(context, request);
      if (!status.ok()) {
        all.status = status;
        return all;
      }
      all.message.set_closed(all.message.closed() + part.closed());
      all.message.mutable_not_found()->MergeFrom(part.not_found());
      next = end;
    } while (next != ids_.end());
    return all;
  }

  // kOk to continue.
  ExitCode Confirm(CommandContext& context, std::uint64_t count) const {
    if (count <= 1) return ExitCode::kOk;
    if (context.in == nullptr || !context.in_is_terminal || !context.err_is_terminal) {
      return Fail(context, ExitCode::kUsage,
                  absl::StrCat("close: ", Connections(count),
                               " match and confirmation is not possible; add --yes to close them"));
    }
    context.err << "Close " << Connections(count) << " with " << Means() << "? [y/N] "
                << std::flush;
    std::string answer;
    std::getline(*context.in, answer);
    if (answer == "y" || answer == "Y" || answer == "yes") return ExitCode::kOk;
    return Fail(context, ExitCode::kRefused, "nothing was closed");
  }

  ExitCode Report(CommandContext& context, const CloseConnectionsResponse& response) const {
    Emit(context, response, [&] {
      context.out << Connections(response.closed())
                  << (dry_run_ ? absl::StrCat(" would be closed with ", Means(),
                                              " (dry run, nothing was changed)")
                               : absl::StrCat(" closed with ", Means()))
                  << '\n';
    });
    if (response.not_found().empty()) return ExitCode::kOk;
    return Fail(context, response.closed() > 0 ? ExitCode::kPartial : ExitCode::kRefused,
                absl::StrCat("not found: ", absl::StrJoin(response.not_found(), ", "),
                             "; already closed or never opened, see 'echogwctl conns'"));
  }

  [[nodiscard]] const char* Means() const { return rst_ ? "RST" : "FIN"; }

  std::vector<std::uint64_t> ids_;
  ConnectionConditions conditions_;
  bool fin_ = false;
  bool rst_ = false;
  bool dry_run_ = false;
  bool yes_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeCloseCommand() { return std::make_unique<CloseCommand>(); }

}  // namespace echogw::ctl
