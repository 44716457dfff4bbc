#include "ctl/verbs/connection_filter.h"

#include <arpa/inet.h>

#include <array>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "ctl/output/proto_document.h"
#include "ctl/output/units.h"
#include "ctl/verbs/shared_options.h"
#include "ctl/views/enum_text.h"

namespace echogw::ctl {
namespace {

constexpr std::uint64_t kMaxPort = 65535;

}  // namespace

absl::Status CheckCidr(const std::string& text) {
  const std::size_t slash = text.find('/');
  const std::string address = text.substr(0, slash);
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  std::uint32_t longest = 0;
  if (inet_pton(AF_INET, address.c_str(), bytes.data()) == 1) longest = 32;
  if (inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1) longest = 128;
  bool good = longest > 0;
  if (slash != std::string::npos) {
    const auto bits = ParseDigits(std::string_view(text).substr(slash + 1));
    good = good && bits && *bits <= longest;
  }
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("'", text, "' is not an address or network; use for example 10.0.0.0/8, ",
                   "192.168.1.7 or 2001:db8::/32"));
}

ConnectionConditions::Handles ConnectionConditions::AddTo(OptionSet& options) {
  Handles handles;
  handles.lasting = {
      options.Counts("--reactor", &reactors_, {.max = kMaxReactor},
                     "On these reactors, as in 0 or 0,2"),
      options.Custom(
          "--peer", "CIDR",
          [this](const std::string& text) {
            peer_ = text;
            return CheckCidr(text);
          },
          "From this network, as in 10.0.0.0/8, or this address"),
      options.Count("--port", &port_, {.min = 1, .max = kMaxPort}, "To this port of the gateway")};
  handles.momentary = {
      options.Time("--age-min", &age_, "Accepted at least this long ago", kLeastTime),
      options.Time("--idle-min", &idle_, "Idle for at least this long", kLeastTime),
      options.Size("--bytes-min", &bytes_, {.min = 1},
                   "At least this many bytes received and sent in total, as in 64 or 1MiB"),
      options.Choice("--state", &state_, {"open", "blocked", "closing"},
                     "In this state; blocked: the client does not read its echo")};
  return handles;
}

bool ConnectionConditions::empty() const {
  return reactors_.empty() && peer_.empty() && port_ == 0 && !age_ && !idle_ && bytes_ == 0 &&
         state_.empty();
}

admin::v1::ConnectionFilter ConnectionConditions::Filter() const {
  admin::v1::ConnectionFilter filter;
  for (const std::uint64_t reactor : reactors_) {
    filter.add_reactors(static_cast<std::uint32_t>(reactor));
  }
  filter.set_peer_cidr(peer_);
  filter.set_local_port(port_);
  if (age_) ToProto(*age_, filter.mutable_age_at_least());
  if (idle_) ToProto(*idle_, filter.mutable_idle_at_least());
  filter.set_bytes_at_least(bytes_);
  filter.set_state(EnumOf<admin::v1::ConnectionState>(state_));
  return filter;
}

}  // namespace echogw::ctl
