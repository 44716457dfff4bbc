// The options that choose connections, shared by `conns` and `close`. Owned by the verb.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "ctl/base/duration.h"
#include "ctl/cli/option_set.h"
#include "echogw/admin/v1/admin.pb.h"

namespace echogw::ctl {

class ConnectionConditions {
 public:
  // For the verb to exclude with its own options.
  struct Handles {
    // Conditions that hold from the open to the close of a connection.
    std::vector<OptionHandle> lasting;
    // Conditions on its current state: not for a stream of opens and closes.
    std::vector<OptionHandle> momentary;
  };

  Handles AddTo(OptionSet& options);

  // Whether no condition was given, so that every connection matches.
  [[nodiscard]] bool empty() const;
  [[nodiscard]] admin::v1::ConnectionFilter Filter() const;

 private:
  std::vector<std::uint64_t> reactors_;
  std::string peer_;
  std::uint32_t port_ = 0;
  std::optional<Duration> age_;
  std::optional<Duration> idle_;
  std::uint64_t bytes_ = 0;
  std::string state_;
};

// OK for an IPv4 or IPv6 address, with or without "/LENGTH".
absl::Status CheckCidr(const std::string& text);

}  // namespace echogw::ctl
