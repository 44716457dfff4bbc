// limits: shows the limits of the data plane, or sets some of them, by GetLimits and SetLimits.
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "ctl/cli/commands.h"
#include "ctl/cli/duration.h"
#include "ctl/cli/option_set.h"
#include "ctl/gateway/call.h"
#include "ctl/output/emit.h"
#include "ctl/output/proto_document.h"
#include "ctl/output/table.h"
#include "ctl/output/units.h"
#include "ctl/verbs/shared_options.h"
#include "ctl/views/enum_text.h"

namespace echogw::ctl {
namespace {

using admin::v1::Limits;
using google::protobuf::FieldDescriptor;

enum class Unit { kCount, kBytes, kByteRate, kTime };

// An option, and the field that it sets.
struct Item {
  const char* option;
  const char* field;
  Unit unit;
  const char* help;
};

const std::vector<Item>& Items() {
  static const std::vector<Item> items = {
      {"--max-connections", "max_connections", Unit::kCount,
       "Connections of one reactor, 1 to 1048576"},
      {"--max-connections-total", "max_connections_total", Unit::kCount,
       "Connections of all reactors together"},
      {"--max-connections-per-client", "max_connections_per_client", Unit::kCount,
       "Connections of one IPv4 address or IPv6 /64"},
      {"--accept-rate", "accept_rate", Unit::kCount,
       "New connections per second, of all reactors together"},
      {"--accept-burst", "accept_burst", Unit::kCount,
       "So many of them at once after a quiet time; 0: as many as in a second"},
      {"--rate", "rate_bytes_per_second", Unit::kByteRate,
       "Bytes per second that are read from one connection"},
      {"--idle-timeout", "idle_timeout", Unit::kTime,
       "Close a connection that neither sends nor takes anything for so long"},
      {"--max-age", "max_age", Unit::kTime, "Close a connection that is so old"},
      {"--first-byte-timeout", "first_byte_timeout", Unit::kTime,
       "Close a connection that has sent nothing for so long"},
      {"--output-buffer", "output_buffer_bytes", Unit::kBytes,
       "Bytes held for a client that does not read; never more than the gateway's buffer-size"},
  };
  return items;
}

const FieldDescriptor* FieldOf(const Item& item) {
  return Limits::descriptor()->FindFieldByName(item.field);
}

absl::Status Read(const Item& item, const std::string& text, Limits& to) {
  const google::protobuf::Reflection& reflection = *to.GetReflection();
  if (item.unit == Unit::kTime) {
    const auto time = text == "0" ? Duration::zero() : ParseDuration(text);
    if (!time.ok()) return time.status();
    google::protobuf::Duration value;
    ToProto(*time, &value);
    reflection.MutableMessage(&to, FieldOf(item))->CopyFrom(value);
    return absl::OkStatus();
  }
  const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  if (item.unit == Unit::kCount && !digits) {
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' is not a whole number"));
  }
  const auto number = ParseSize(text);
  if (!number.ok()) return number.status();
  reflection.SetUInt64(&to, FieldOf(item), *number);
  return absl::OkStatus();
}

std::string Show(const Item& item, const Limits& limits) {
  const google::protobuf::Reflection& reflection = *limits.GetReflection();
  if (item.unit == Unit::kTime) {
    google::protobuf::Duration value;
    value.CopyFrom(reflection.GetMessage(limits, FieldOf(item)));
    const Duration time = FromProto(value);
    return time == Duration::zero() ? "none" : FormatDuration(time);
  }
  const std::uint64_t number = reflection.GetUInt64(limits, FieldOf(item));
  if (number == 0) return "none";
  if (item.unit == Unit::kCount) return absl::StrCat(number);
  return absl::StrCat(HumanBytes(number), item.unit == Unit::kByteRate ? "/s" : "");
}

std::string Excess(const Limits& limits) {
  return limits.accept_excess() == admin::v1::ACCEPT_EXCESS_RESET ? "reset" : "wait";
}

class LimitsCommand : public Command {
 public:
  CommandHelp Help() const override {
    return {"limits", "Show the limits of the data plane, or set some while it runs",
            "  echogwctl limits                             # those in force\n"
            "  echogwctl limits set --idle-timeout 30s --max-connections-per-client 20\n"
            "  echogwctl limits set --rate 1MiB --dry-run   # what would be in force\n"
            "  echogwctl limits set --max-age 0             # none",
            "A limit holds until the gateway ends; its configuration is not changed. What is not "
            "named stays as it is, 0 is no limit. Limits on time and rate hold at once for all "
            "connections; of connections beyond a lower number none is closed, only new ones are "
            "refused.\n\n"
            "Closes are polite: what was received is echoed, then FIN; RST if the client does not "
            "end it within 5 s. 'echogwctl stats' counts them by reason."};
  }

  void AddOptions(OptionSet& options) override {
    const auto set = options.Choice("ACTION", &action_, {"set"},
                                    "set: change the limits that are named; left out: show all");
    for (const Item& item : Items()) {
      const char* type = item.unit == Unit::kTime    ? "TIME"
                         : item.unit == Unit::kCount ? "N"
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
                "What connections beyond the accept rate get: wait in the kernel's queue, or reset")
        .Needs(set);
    AddDryRun(options, &dry_run_).Needs(set);
  }

  ExitCode Run(CommandContext& context) override {
    if (action_.empty()) return Get(context);
    if (!excess_.empty()) {
      limits_.set_accept_excess(EnumOf<admin::v1::AcceptExcess>(excess_));
    } else if (!named_) {
      return Fail(context, ExitCode::kUsage,
                  "limits: nothing to set; name a limit, as in --idle-timeout 30s");
    }
    return Set(context);
  }

 private:
  static ExitCode Get(CommandContext& context) {
    return CallAndEmit<&Admin::GetLimits>(context, {}, [&](const auto& response) {
      Table table({{"LIMIT"}, {"IN FORCE", Align::kRight}});
      for (const Item& item : Items()) {
        table.AddRow({item.option + 2, Show(item, response.limits())});
      }
      table.AddRow({"accept-excess", Excess(response.limits())});
      table.Print(context.out, context.colour);
    });
  }

  ExitCode Set(CommandContext& context) const {
    admin::v1::SetLimitsRequest request;
    *request.mutable_limits() = limits_;
    request.set_dry_run(dry_run_);
    return CallAndEmit<&Admin::SetLimits>(context, request, [&](const auto& response) {
      const char* after = dry_run_ ? "WOULD BE" : "IN FORCE";
      Table table({{"LIMIT"}, {"BEFORE", Align::kRight}, {after, Align::kRight}});
      for (const Item& item : Items()) {
        table.AddRow(
            {item.option + 2, Show(item, response.before()), Show(item, response.limits())});
      }
      table.AddRow({"accept-excess", Excess(response.before()), Excess(response.limits())});
      table.Print(context.out, context.colour);
    });
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
