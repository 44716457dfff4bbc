// drain: takes the gateway, or one reactor of it, out of service, by Drain.
#include "ctl/verbs/verb.h"

namespace echogw::ctl {
namespace {

class DrainCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {"drain", "Take the gateway, or one reactor, out of service",
            "  echogwctl drain --wait                          # the whole gateway\n"
            "  echogwctl drain --deadline 2m --quiet-period 5s --refuse reset --wait\n"
            "  echogwctl drain --reactor 3 --wait              # its connections move\n"
            "  echogwctl drain --reactor 3 --let-finish        # they end on their own\n"
            "  echogwctl undrain                               # back into service",
            "The whole gateway drains in phases: unhealthy (the health check fails, so that "
            "balancers turn away), quiet (until no new connections arrive), refusing (new "
            "connections are handled as --refuse says), closing (idle connections first, spread "
            "over --spread), drained. The process keeps running.\n\n"
            "With --reactor one reactor is taken out: new connections are steered away from it, "
            "and its connections move, or end on their own with --let-finish.",
            OperationExitCodes()};
  }

  void AddOptions(OptionSet& options) override {
    const auto reactor = AddReactor(options, &reactor_);
    options.Flag("--let-finish", &let_finish_, "Let the reactor's connections end on their own")
        .Needs(reactor);
    AddDeadline(options, &deadline_, "Time limit of the whole drain (30s)");
    options
        .Time("--quiet-period", &quiet_period_,
              "Continue once no new connection arrived for this long (1s)")
        .Excludes(reactor);
    options.Time("--quiet-max-wait", &quiet_max_wait_, "Continue after this long in any case (10s)")
        .Excludes(reactor);
    options
        .Choice("--refuse", &refuse_, {"accept", "reset", "silent"},
                "How new connections are handled then (as configured)")
        .Excludes(reactor);
    options.Time("--spread", &spread_, "Spread the closing of connections over this time (5s)")
        .Excludes(reactor);
    AddWait(options, &wait_);
  }

  ExitCode Run(CommandContext& context) override {
    admin::v1::DrainRequest request;
    if (reactor_) request.set_reactor(*reactor_);
    request.set_let_finish(let_finish_);
    if (deadline_) ToProto(*deadline_, request.mutable_deadline());
    if (quiet_period_) ToProto(*quiet_period_, request.mutable_quiet_period());
    if (quiet_max_wait_) ToProto(*quiet_max_wait_, request.mutable_quiet_max_wait());
    if (spread_) ToProto(*spread_, request.mutable_spread());
    request.set_refuse(EnumOf<admin::v1::RefuseMode>(refuse_));
    return BeginOperation<&Admin::Drain>(context, request, wait_);
  }

 private:
  std::optional<std::uint32_t> reactor_;
  bool let_finish_ = false;
  std::optional<Duration> deadline_;
  std::optional<Duration> quiet_period_;
  std::optional<Duration> quiet_max_wait_;
  std::optional<Duration> spread_;
  std::string refuse_;
  bool wait_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeDrainCommand() { return std::make_unique<DrainCommand>(); }

}  // namespace echogw::ctl
