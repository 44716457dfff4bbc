#include "ctl/gateway/target.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "ctl/output/units.h"

namespace echogw::ctl {
namespace {

absl::Status Malformed(const std::string& target) {
  return absl::InvalidArgumentError(absl::StrCat(
      "'", target, "' is not a target; write HOST:PORT, as in 127.0.0.1:7001, or unix:PATH"));
}

}  // namespace

absl::Status CheckTarget(const std::string& target) {
  if (absl::StartsWith(target, "unix:")) {
    const std::string path = target.substr(5);
    if (path.empty()) return Malformed(target);
    if (path.size() >= sizeof(sockaddr_un::sun_path)) {
      return absl::InvalidArgumentError(absl::StrCat("the socket path is ", path.size(),
                                                     " bytes long; use at most ",
                                                     sizeof(sockaddr_un::sun_path) - 1));
    }
    return absl::OkStatus();
  }
  const std::size_t colon = target.rfind(':');
  if (colon == std::string::npos && !target.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", target, "' has no port; write for example ", target, ":7001"));
  }
  if (colon == std::string::npos || colon == 0) return Malformed(target);
  const std::string host = target.substr(0, colon);
  const auto port = ParseDigits(std::string_view(target).substr(colon + 1));
  if (!port || *port == 0 || *port > 65535) return Malformed(target);
  const bool bracketed = host.front() == '[' && host.back() == ']' && host.size() > 2;
  in6_addr address{};
  if (inet_pton(AF_INET6, host.c_str(), &address) == 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", target, "' is not a target; write an IPv6 address as [", host, "]:", *port));
  }
  // More colons mean an unsupported scheme.
  if (!bracketed && host.find_first_of(":/[] ") != std::string::npos) return Malformed(target);
  return absl::OkStatus();
}

}  // namespace echogw::ctl
