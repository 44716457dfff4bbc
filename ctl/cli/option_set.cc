#include "ctl/cli/option_set.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Error.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Option.hpp>
#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "ctl/output/units.h"

namespace echogw::ctl {
namespace {

absl::StatusOr<std::uint64_t> CheckRange(std::uint64_t number, const std::string& text,
                                         OptionSet::Range range) {
  if (number >= range.min && number <= range.max) return number;
  if (range.max == std::numeric_limits<std::uint64_t>::max()) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is too small; use at least ", range.min));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("'", text, "' is out of range; use ", range.min, " to ", range.max));
}

absl::StatusOr<std::uint64_t> ParseCount(const std::string& text, OptionSet::Range range) {
  const auto number = ParseDigits(text);
  if (!number) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is not a whole number; write digits only, as in ",
                     std::max<std::uint64_t>(range.min, 8)));
  }
  return CheckRange(*number, text, range);
}

}  // namespace

OptionHandle& OptionHandle::Required() {
  option_->required();
  return *this;
}

OptionHandle& OptionHandle::OptionalValue(std::string text) {
  option_->expected(0, 1)->default_str(std::move(text));
  return *this;
}

OptionHandle& OptionHandle::Excludes(const OptionHandle& other) {
  option_->excludes(other.option_);
  return *this;
}

OptionHandle& OptionHandle::Needs(const OptionHandle& other) {
  option_->needs(other.option_);
  return *this;
}

OptionHandle& OptionHandle::Repeatable() {
  // An option takes one value each time, not the arguments that follow.
  option_->expected(1, -1)->allow_extra_args(option_->get_positional());
  return *this;
}

OptionHandle& OptionHandle::Env(const std::string& name) {
  option_->envname(name);
  return *this;
}

OptionHandle OptionSet::Flag(const std::string& names, bool* value, const std::string& help) {
  return OptionHandle(app_.add_flag(names, *value, help));
}

OptionHandle OptionSet::Choice(const std::string& names, std::string* value,
                               std::vector<std::string> choices, const std::string& help) {
  const std::string type = absl::StrJoin(choices, "|");
  return Custom(
      names, type,
      [value, choices = std::move(choices)](const std::string& text) {
        if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
          return absl::InvalidArgumentError(
              absl::StrCat("'", text, "' is invalid; use ", absl::StrJoin(choices, ", ")));
        }
        *value = text;
        return absl::OkStatus();
      },
      help);
}

OptionHandle OptionSet::Number(const std::string& names, std::function<void(std::uint64_t)> set,
                               Range range, const std::string& help) {
  return Custom(
      names, "N",
      [set = std::move(set), range](const std::string& text) {
        const auto number = ParseCount(text, range);
        if (number.ok()) set(*number);
        return number.status();
      },
      help);
}

OptionHandle OptionSet::Counts(const std::string& names, std::vector<std::uint64_t>* values,
                               Range range, const std::string& help) {
  return Custom(
             names, "N",
             [values, range](const std::string& text) {
               for (const absl::string_view part : absl::StrSplit(text, ',')) {
                 const auto number = ParseCount(std::string(part), range);
                 if (!number.ok()) return number.status();
                 values->push_back(*number);
               }
               return absl::OkStatus();
             },
             help)
      .Repeatable();
}

OptionHandle OptionSet::Size(const std::string& names, std::uint64_t* value, Range range,
                             const std::string& help) {
  return Custom(
      names, "BYTES",
      [value, range](const std::string& text) {
        auto size = ParseSize(text);
        if (size.ok()) size = CheckRange(*size, text, range);
        if (size.ok()) *value = *size;
        return size.status();
      },
      help);
}

OptionHandle OptionSet::Real(const std::string& names, double* value, const std::string& help) {
  return Custom(
      names, "NUMBER",
      [value](const std::string& text) {
        double number = 0;
        if (!absl::SimpleAtod(text, &number) || !std::isfinite(number) || number < 0) {
          return absl::InvalidArgumentError(
              absl::StrCat("'", text, "' is not a number of zero or more, as in 0.5 or 2000"));
        }
        *value = number;
        return absl::OkStatus();
      },
      help);
}

absl::StatusOr<Duration> OptionSet::ParseTime(const std::string& text, Duration min) {
  auto duration = ParseDuration(text);
  if (duration.ok() && *duration < min) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is too short; use at least ", FormatDuration(min)));
  }
  return duration;
}

OptionHandle OptionSet::List(const std::string& names, std::vector<std::string>* values,
                             const std::string& help) {
  return OptionHandle(app_.add_option(names, *values, help)->type_name("TEXT")->expected(1, -1));
}

OptionHandle OptionSet::Custom(const std::string& names, const std::string& type, Setter set,
                               const std::string& help) {
  CLI::Option* option = app_.add_option(
      names,
      [names, set = std::move(set)](const CLI::results_t& results) {
        for (const std::string& text : results) {
          const absl::Status status = set(text);
          if (!status.ok()) {
            throw CLI::ValidationError(names.substr(names.find_last_of(',') + 1),
                                       std::string(status.message()));
          }
        }
        return true;
      },
      help);
  option->type_name(type)->expected(1);
  return OptionHandle(option);
}

}  // namespace echogw::ctl
