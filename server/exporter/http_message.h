// Requests and replies of the exporter as values. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace echogw::server {

inline constexpr const char* kPlainType = "text/plain; charset=utf-8";

struct HttpRequest {
  std::string method;
  std::string path;  // without query; "*" of OPTIONS is one
  std::string accept_encoding;
  std::string authorization;
};

struct HttpReply {
  int code = 200;
  const char* reason = "OK";
  const char* type = kPlainType;
  std::string body;
  // Further header lines, each with its line break.
  std::string headers;
};

// The path of a request target in origin form or absolute form (RFC 9112, 3.2).
[[nodiscard]] std::string_view PathOf(std::string_view target);

// The bytes of a reply, after which the connection ends. HEAD gets all but the body.
[[nodiscard]] std::string Encode(const HttpReply& reply, bool with_body);

}  // namespace echogw::server
