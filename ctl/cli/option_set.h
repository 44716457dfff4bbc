// The options of one verb: a thin layer over CLI11 that keeps its large headers out of the verbs
// and gives all errors the same form. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ctl/base/duration.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace echogw::ctl {

// Properties of an added option; each call returns the option again.
class OptionHandle {
 public:
  explicit OptionHandle(CLI::Option* option) : option_(option) {}
  OptionHandle& Required();
  // The value may be omitted and is `text` then: `--watch` or `--watch 2s`.
  OptionHandle& OptionalValue(std::string text);
  OptionHandle& Excludes(const OptionHandle& other);
  OptionHandle& Needs(const OptionHandle& other);
  // May be given more than once, an argument also several times in a row.
  OptionHandle& Repeatable();
  // Read from this environment variable when it is not on the command line.
  OptionHandle& Env(const std::string& name);

 private:
  CLI::Option* option_;
};

// The smallest condition or limit on time: zero would be none.
inline constexpr Duration kLeastTime = std::chrono::milliseconds(1);

// Names are CLI11's: "-w,--watch" for an option, "address" for a positional argument. An option
// that is not given leaves its target unchanged: the initial value is the default.
class OptionSet {
 public:
  using Setter = std::function<absl::Status(const std::string& text)>;
  struct Range {
    std::uint64_t min = 0;
    std::uint64_t max = std::numeric_limits<std::uint64_t>::max();
  };

  explicit OptionSet(CLI::App& app) : app_(app) {}

  OptionHandle Flag(const std::string& names, bool* value, const std::string& help);
  // Into a string or an optional one. `type` is FILE or DIR for a path.
  template <typename T>
  OptionHandle Text(const std::string& names, T* value, const std::string& help,
                    const std::string& type = "TEXT") {
    return Custom(
        names, type,
        [value](const std::string& text) {
          *value = text;
          return absl::OkStatus();
        },
        help);
  }
  // One of `choices`, exactly.
  OptionHandle Choice(const std::string& names, std::string* value,
                      std::vector<std::string> choices, const std::string& help);
  // Into a std::uint32_t, a std::uint64_t or an optional one.
  template <typename T>
  OptionHandle Count(const std::string& names, T* value, Range range, const std::string& help) {
    if constexpr (std::is_same_v<T, std::uint32_t> ||
                  std::is_same_v<T, std::optional<std::uint32_t>>) {
      range.max = std::min<std::uint64_t>(range.max, std::numeric_limits<std::uint32_t>::max());
    }
    return Number(
        names, [value](std::uint64_t number) { *value = Narrowed<T>(number); }, range, help);
  }
  // Several numbers, as in `1 2`, `1,2` or a repeated option, in order.
  OptionHandle Counts(const std::string& names, std::vector<std::uint64_t>* values, Range range,
                      const std::string& help);
  // A number of bytes, as in 64, 4KiB or 1MiB.
  OptionHandle Size(const std::string& names, std::uint64_t* value, Range range,
                    const std::string& help);
  // Not negative and finite, as in 0.5 or 2000.
  OptionHandle Real(const std::string& names, double* value, const std::string& help);
  // 500ms, 1s, 2m, 1h; at least `min`. Into a Duration or an optional one.
  template <typename T>
  OptionHandle Time(const std::string& names, T* value, const std::string& help,
                    Duration min = Duration::zero()) {
    return Custom(
        names, "DURATION",
        [value, min](const std::string& text) {
          const auto time = ParseTime(text, min);
          if (time.ok()) *value = *time;
          return time.status();
        },
        help);
  }
  // One or more values, in order.
  OptionHandle List(const std::string& names, std::vector<std::string>* values,
                    const std::string& help);
  // Anything else: `set` refuses a text with a Status whose message follows "NAME: ". `type` is the
  // value in the help: placeholders in capitals, literal values in small letters, separated by '|',
  // as in "on|off" or "drained|connections=N". Shell completion offers the literals.
  OptionHandle Custom(const std::string& names, const std::string& type, Setter set,
                      const std::string& help);

 private:
  template <typename T>
  static auto Narrowed(std::uint64_t number) {
    if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(number);
    } else {
      return static_cast<typename T::value_type>(number);
    }
  }
  static absl::StatusOr<Duration> ParseTime(const std::string& text, Duration min);
  OptionHandle Number(const std::string& names, std::function<void(std::uint64_t)> set, Range range,
                      const std::string& help);

  CLI::App& app_;
};

}  // namespace echogw::ctl
