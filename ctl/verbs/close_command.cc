// close: ends connections, chosen by id or by conditions, by CloseConnections.
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "ctl/cli/commands.h"
#include "ctl/cli/option_set.h"
#include "ctl/gateway/call.h"
#include "ctl/output/emit.h"
#include "ctl/verbs/connection_filter.h"
#include "ctl/verbs/shared_options.h"

namespace echogw::ctl {
namespace {

using admin::v1::CloseConnectionsResponse;

std::string Connections(std::uint64_t count) {
  return absl::StrCat(count, count == 1 ? " connection" : " connections");
}

class CloseCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {"close",
            "Close connections, by id or by conditions",
            "  echogwctl close 4711 4712\n"
            "  echogwctl close --idle-min 10m --dry-run   # how many would it be?\n"
            "  echogwctl close --idle-min 10m --yes\n"
            "  echogwctl close --peer 192.0.2.7 --rst --yes",
            "Without --rst all that came in is echoed first, then the client gets a FIN, and its "
            "own FIN is awaited: such a connection may stay for a while in the state closing. "
            "--rst ends it at once, and what is held or on its way is lost.\n\n"
            "When more than one connection matches, a question is asked on a terminal; elsewhere "
            "--yes is needed, so that no script closes more than it means to. Conditions are "
            "those of 'echogwctl conns', which shows what they match.",
            {{0, "closed; with conditions, also if nothing matched them"},
             {1, "the gateway refused, no ID is there, or the answer to the question was no"},
             {2, "the command line makes no sense, or --yes is missing; nothing was closed"},
             {4, "some IDs are not there; the others were closed"}}};
  }

  void AddOptions(OptionSet& options) override {
    auto ids = options.Counts("ID", &ids_, {.min = 1}, "Connections, as 'conns' shows them");
    const auto conditions = conditions_.AddTo(options);
    for (const auto* group : {&conditions.lasting, &conditions.momentary}) {
      for (const auto& handle : *group) ids.Excludes(handle);
    }
    const auto fin = options.Flag("--fin", &fin_, "Echo what came in, then FIN (the default)");
    options.Flag("--rst", &rst_, "RST at once; what is held or in flight is lost").Excludes(fin);
    AddDryRun(options, &dry_run_);
    options.Flag("-y,--yes", &yes_, "Do not ask");
  }

  ExitCode Run(CommandContext& context) override {
    if (ids_.empty() && conditions_.empty()) {
      return Fail(context, ExitCode::kUsage,
                  "close: nothing is chosen; give IDs, as in 'close 4711', or conditions, as in "
                  "'close --idle-min 10m'");
    }
    // One id is one connection at most: nothing to ask.
    if (!dry_run_ && !yes_ && ids_.size() != 1) {
      const auto reply = Call<&Admin::CloseConnections>(context, Request(true));
      if (!reply.status.ok()) return FailRpc(context, reply.status);
      const ExitCode code = Confirm(context, reply.message.closed());
      if (code != ExitCode::kOk) return code;
    }
    const auto reply = Call<&Admin::CloseConnections>(context, Request(dry_run_));
    return reply.status.ok() ? Report(context, reply.message) : FailRpc(context, reply.status);
  }

 private:
  [[nodiscard]] admin::v1::CloseConnectionsRequest Request(bool dry_run) const {
    admin::v1::CloseConnectionsRequest request;
    request.mutable_ids()->Add(ids_.begin(), ids_.end());
    if (ids_.empty()) *request.mutable_filter() = conditions_.Filter();
    request.set_mode(rst_ ? admin::v1::CLOSE_MODE_RST : admin::v1::CLOSE_MODE_FIN);
    request.set_dry_run(dry_run);
    return request;
  }

  // kOk to go on.
  ExitCode Confirm(CommandContext& context, std::uint64_t count) const {
    if (count <= 1) return ExitCode::kOk;
    if (context.in == nullptr || !context.in_is_terminal || !context.err_is_terminal) {
      return Fail(context, ExitCode::kUsage,
                  absl::StrCat("close: ", Connections(count),
                               " match and nobody can be asked; add --yes to close them"));
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
                absl::StrCat("not there: ", absl::StrJoin(response.not_found(), ", "),
                             "; closed already, or never opened, see 'echogwctl conns'"));
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
