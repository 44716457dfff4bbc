// Just enough of HTTP/2 to call a method and then not to read, which no client of gRPC can.
#pragma once

#include <cstdint>
#include <string>

namespace echogw::server {

inline std::string Http2Frame(int type, int flags, std::uint32_t stream, const std::string& data) {
  std::string frame;
  for (const int shift : {16, 8, 0}) frame += static_cast<char>(data.size() >> shift & 0xFF);
  frame += static_cast<char>(type);
  frame += static_cast<char>(flags);
  for (const int shift : {24, 16, 8, 0}) frame += static_cast<char>(stream >> shift & 0xFF);
  return frame + data;
}

inline std::string Http2Preface() {
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Http2Frame(4, 0, 0, "");
}

// A header that is not indexed; both up to 126 bytes.
inline std::string Http2Header(const std::string& name, const std::string& value) {
  std::string header(1, '\0');
  header += static_cast<char>(name.size());
  header += name;
  header += static_cast<char>(value.size());
  return header + value;
}

inline std::string RawCall(std::uint32_t stream, const std::string& method,
                           const std::string& message) {
  const std::string headers = Http2Header(":method", "POST") + Http2Header(":scheme", "http") +
                              Http2Header(":path", "/echogw.admin.v1.Admin/" + method) +
                              Http2Header(":authority", "x") + Http2Header("te", "trailers") +
                              Http2Header("content-type", "application/grpc");
  std::string body(4, '\0');
  body += static_cast<char>(message.size());
  return Http2Frame(1, 4, stream, headers) + Http2Frame(0, 1, stream, body + message);
}

}  // namespace echogw::server
