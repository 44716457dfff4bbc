// move: moves live connections from one reactor to another, by Move.
#include "ctl/verbs/verb.h"

namespace echogw::ctl {
namespace {

class MoveCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {"move", "Move live connections from one reactor to another",
            "  echogwctl move --from 0 --to 3 --wait             # all of them\n"
            "  echogwctl move --from 0 --to 3 --connections 100",
            "Clients notice nothing. To take a reactor out of service, use 'echogwctl drain "
            "--reactor N', which also steers new connections away.",
            OperationExitCodes()};
  }

  void AddOptions(OptionSet& options) override {
    options.Count("--from", &from_, {.max = kMaxReactor}, "Source reactor").Required();
    options.Count("--to", &to_, {.max = kMaxReactor}, "Destination reactor").Required();
    options.Count("--connections", &connections_, {.min = 1}, "Number of connections (all)");
    AddWait(options, &wait_);
  }

  ExitCode Run(CommandContext& context) override {
    if (from_ == to_) {
      return Fail(context, ExitCode::kUsage,
                  "--from and --to name the same reactor; name two different ones");
    }
    admin::v1::MoveRequest request;
    request.set_from_reactor(from_);
    request.set_to_reactor(to_);
    request.set_connections(connections_.value_or(0));
    return BeginOperation<&Admin::Move>(context, request, wait_);
  }

 private:
  std::uint32_t from_ = 0;
  std::uint32_t to_ = 0;
  std::optional<std::uint64_t> connections_;
  bool wait_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeMoveCommand() { return std::make_unique<MoveCommand>(); }

}  // namespace echogw::ctl
