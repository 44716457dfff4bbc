// The reply to one request.
#pragma once

#include <string>

namespace echogw::server {

inline constexpr const char* kPlainType = "text/plain; charset=utf-8";

struct HttpReply {
  int code = 200;
  const char* reason = "OK";
  const char* type = kPlainType;
  std::string body;
  // Further header lines, each with its line break.
  std::string headers;
};

}  // namespace echogw::server
