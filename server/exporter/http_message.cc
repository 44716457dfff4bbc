#include "server/exporter/http_message.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace echogw::server {

std::string_view PathOf(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!absl::StartsWithIgnoreCase({target.data(), target.size()},
                                    {scheme.data(), scheme.size()})) {
      continue;
    }
    target.remove_prefix(scheme.size());
    const auto path = target.find_first_of("/?");
    target.remove_prefix(path == std::string_view::npos ? target.size() : path);
    if (target.empty() || target.front() == '?') return "/";
    break;
  }
  return target.substr(0, target.find('?'));
}

std::string Encode(const HttpReply& reply, bool with_body) {
  return absl::StrCat(
      "HTTP/1.1 ", reply.code, " ", reply.reason, "\r\nContent-Type: ", reply.type,
      "\r\nContent-Length: ", reply.body.size(), "\r\n", reply.headers,
      "Date: ", absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", absl::Now(), absl::UTCTimeZone()),
      "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
      with_body ? reply.body : "");
}

}  // namespace echogw::server
