// steer: sets the share of new connections that each reactor gets, by SetSteering.
#include <map>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "ctl/verbs/verb.h"

namespace echogw::ctl {
namespace {

constexpr std::uint32_t kMaxWeight = 1000;

class SteerCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {"steer", "Set the share of new connections that each reactor gets",
            "  echogwctl steer 0=1 1=3          # reactor 1 gets three times as many\n"
            "  echogwctl steer 2=0              # no new connections for reactor 2\n"
            "  echogwctl steer --reset          # equal shares\n"
            "  echogwctl steer --reset 0=2",
            "A reactor's share of new connections is its weight over the sum of all weights. Live "
            "connections stay where they are: see 'echogwctl rebalance'."};
  }

  void AddOptions(OptionSet& options) override {
    options.List("WEIGHTS", &weights_, "REACTOR=WEIGHT, weight 0 to 1000; others keep theirs");
    options.Flag("--reset", &reset_, "First set every weight to 1");
  }

  ExitCode Run(CommandContext& context) override {
    admin::v1::SetSteeringRequest request;
    const std::string fault = Fill(request);
    if (!fault.empty()) return Fail(context, ExitCode::kUsage, fault);
    return CallAndEmit<&Admin::SetSteering>(
        context, request, [&](const auto& response) { Print(context, response); });
  }

 private:
  // Empty, or what is wrong with the command line.
  std::string Fill(admin::v1::SetSteeringRequest& request) const {
    if (weights_.empty() && !reset_) {
      return "steer: nothing to set; give REACTOR=WEIGHT, as in 0=1 1=3, or --reset";
    }
    request.set_reset(reset_);
    std::map<std::uint64_t, std::uint64_t> named;
    for (const std::string& text : weights_) {
      const std::pair<std::string, std::string> parts =
          absl::StrSplit(text, absl::MaxSplits('=', 1));
      const auto reactor = ParseDigits(parts.first);
      const auto weight = ParseDigits(parts.second);
      if (!reactor || *reactor > kMaxReactor || !weight || *weight > kMaxWeight) {
        return absl::StrCat("steer: '", text, "' is not REACTOR=WEIGHT; use a reactor of 0 to ",
                            kMaxReactor, " and a weight of 0 to ", kMaxWeight, ", as in 0=1");
      }
      if (!named.emplace(*reactor, *weight).second) {
        return absl::StrCat("steer: reactor ", *reactor, " is given twice; give it once");
      }
    }
    for (const auto& [reactor, weight] : named) {
      auto& entry = *request.add_weights();
      entry.set_reactor(static_cast<std::uint32_t>(reactor));
      entry.set_weight(static_cast<std::uint32_t>(weight));
    }
    return "";
  }

  static void Print(CommandContext& context, const admin::v1::SetSteeringResponse& response) {
    double sum = 0;
    for (const auto& entry : response.weights()) sum += entry.weight();
    Table table(">REACTOR|>WEIGHT|>SHARE");
    for (const auto& entry : response.weights()) {
      table.AddRow({absl::StrCat(entry.reactor()), absl::StrCat(entry.weight()),
                    sum > 0 ? absl::StrFormat("%.1f%%", 100 * entry.weight() / sum) : "-"});
    }
    table.Print(context.out, context.colour);
    if (!response.steering_active()) {
      Remark(context,
             "the kernel rejected the steering program: its own hash selects the reactor, and the "
             "weights have no effect");
    }
  }

  std::vector<std::string> weights_;
  bool reset_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeSteerCommand() { return std::make_unique<SteerCommand>(); }

}  // namespace echogw::ctl
