// limits: shows the limits of the data plane, or sets some of them, by GetLimits and SetLimits.
#include "ctl/verbs/verb.h"

namespace echogw::ctl {
namespace {

using admin::v1::Limits;
using google::protobuf::FieldDescriptor;

enum class LimitUnit { kCount, kBytes, kByteRate, kTime };

// An option, and the field that it sets.
struct Item {
  const char* option;
  const char* field;
  LimitUnit unit;
  const char* help;
};

const std::vector<Item>& Items() {
  static const std::vector<Item> items = {
      {"--max-connections", "max_connections", LimitUnit::kCount,
       "Connections per reactor, 1 to 1048576"},
      {"--max-connections-total", "max_connections_total", LimitUnit::kCount,
       "Connections in total"},
      {"--max-connections-per-client", "max_connections_per_client", LimitUnit::kCount,
       "Connections per IPv4 address or IPv6 /64"},
      {"--accept-rate", "accept_rate", LimitUnit::kCount, "New connections per second in total"},
      {"--accept-burst", "accept_burst", LimitUnit::kCount,
       "Burst of new connections after a quiet time; 0: those of one second"},
      {"--rate", "rate_bytes_per_second", LimitUnit::kByteRate,
       "Bytes per second read from one connection"},
      {"--idle-timeout", "idle_timeout", LimitUnit::kTime,
       "Close a connection that neither sends nor receives anything for this long"},
      {"--max-age", "max_age", LimitUnit::kTime, "Close a connection of this age"},
      {"--first-byte-timeout", "first_byte_timeout", LimitUnit::kTime,
       "Close a connection that has not sent anything after this time"},
      {"--output-buffer", "output_buffer_bytes", LimitUnit::kBytes,
       "Bytes buffered for a client that does not read; at most the gateway's buffer-size"},
  };
  return items;
}

const FieldDescriptor* FieldOf(const Item& item) {
  return Limits::descriptor()->FindFieldByName(item.field);
}

absl::Status Read(const Item& item, const std::string& text, Limits& to) {
  const google::protobuf::Reflection& reflection = *to.GetReflection();
  if (item.unit == LimitUnit::kTime) {
    const auto time = text == "0" ? Duration::zero() : ParseDuration(text);
    if (!time.ok()) return time.status();
    google::protobuf::Duration value;
    ToProto(*time, &value);
    reflection.MutableMessage(&to, FieldOf(item))->CopyFrom(value);
    return absl::OkStatus();
  }
  if (item.unit == LimitUnit::kCount && !ParseDigits(text)) {
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' is not a whole number"));
  }
  const auto number = ParseSize(text);
  if (!number.ok()) return number.status();
  reflection.SetUInt64(&to, FieldOf(item), *number);
  return absl::OkStatus();
}

std::string Show(const Item& item, const Limits& limits) {
  const google::protobuf::Reflection& reflection = *limits.GetReflection();
  if (item.unit == LimitUnit::kTime) {
    google::protobuf::Duration value;
    value.CopyFrom(reflection.GetMessage(limits, FieldOf(item)));
    const Duration time = FromProto(value);
    return time == Duration::zero() ? "none" : FormatDuration(time);
  }
  const std::uint64_t number = reflection.GetUInt64(limits, FieldOf(item));
  if (number == 0) return "none";
  if (item.unit == LimitUnit::kCount) return absl::StrCat(number);
  return absl::StrCat(HumanBytes(number), item.unit == LimitUnit::kByteRate ? "/s" : "");
}

class LimitsCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {
        "limits", "Show or change the limits of the data plane at run time",
        "  echogwctl limits                             # show all\n"
        "  echogwctl limits set --idle-timeout 30s --max-connections-per-client 20\n"
        "  echogwctl limits set --rate 1MiB --dry-run   # show the effect\n"
        "  echogwctl limits set --max-age 0             # no limit",
        "A limit holds until the gateway exits; its configuration is not changed. Limits not given "
        "stay as they are; 0 means no limit. Limits on time and rate apply to all connections at "
        "once. A lower connection limit closes no connection, it only refuses new ones.\n\n"
        "Connections are closed gracefully: what was received is echoed, then FIN is sent; RST if "
        "the client does not finish within 5 s. 'echogwctl stats' counts closes by reason."};
  }

  void AddOptions(OptionSet& options) override {
    const auto set = options.Choice("set", &action_, {"set"}, "Change the given limits (show all)");
    for (const Item& item : Items()) {
      const char* type = item.unit == LimitUnit::kTime    ? "TIME"
                         : item.unit == LimitUnit::kCount ? "N"
                                                          : "BYTES";
      options
          .Custom(
              item.option, type,
              [this, &item](const std::string& text) {
                named_ = true;
                return Read(item, text, limits_);
              },
              item.help)
          .Needs(set);
    }
    options
        .Choice("--accept-excess", &excess_, {"wait", "reset"},
                "Connections beyond the accept rate: wait in the kernel's queue, or reset")
        .Needs(set);
    AddDryRun(options, &dry_run_).Needs(set);
  }

  ExitCode Run(CommandContext& context) override {
    if (action_.empty()) return Get(context);
    if (!excess_.empty()) {
      limits_.set_accept_excess(EnumOf<admin::v1::AcceptExcess>(excess_));
    } else if (!named_) {
      return Fail(context, ExitCode::kUsage,
                  "limits: nothing to set; give a limit, as in --idle-timeout 30s");
    }
    return Set(context);
  }

 private:
  static ExitCode Get(CommandContext& context) {
    return CallAndEmit<&Admin::GetLimits>(context, {}, [&](const auto& response) {
      Print(context, "LIMIT|>IN FORCE", {&response.limits()});
    });
  }

  ExitCode Set(CommandContext& context) const {
    admin::v1::SetLimitsRequest request;
    *request.mutable_limits() = limits_;
    request.set_dry_run(dry_run_);
    return CallAndEmit<&Admin::SetLimits>(context, request, [&](const auto& response) {
      Print(context, dry_run_ ? "LIMIT|>BEFORE|>WOULD BE" : "LIMIT|>BEFORE|>IN FORCE",
            {&response.before(), &response.limits()});
    });
  }

  static void Print(CommandContext& context, const char* titles,
                    const std::vector<const Limits*>& columns) {
    Table table(titles);
    const auto add = [&](const char* name, const auto& text) {
      std::vector<std::string> row = {name};
      for (const Limits* limits : columns) row.push_back(text(*limits));
      table.AddRow(row);
    };
    for (const Item& item : Items()) {
      add(item.option + 2, [&](const Limits& limits) { return Show(item, limits); });
    }
    add("accept-excess", [](const Limits& limits) {
      return limits.accept_excess() == admin::v1::ACCEPT_EXCESS_RESET ? "reset" : "wait";
    });
    table.Print(context.out, context.colour);
  }

  std::string action_;
  std::string excess_;
  bool dry_run_ = false;
  bool named_ = false;
  Limits limits_;
};

}  // namespace

std::unique_ptr<Command> MakeLimitsCommand() { return std::make_unique<LimitsCommand>(); }

}  // namespace echogw::ctl
