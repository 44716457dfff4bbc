// HTTP requests over a plain socket, for tests of the exporter.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>

#include "gtest/gtest.h"
#include "reactor/base/unique_fd.h"
#include "tests/support/receive.h"

namespace echogw::server {

// A connection to "127.0.0.1:PORT" or "[::1]:PORT". `receive_buffer` of 0 is the kernel's choice.
inline UniqueFd ConnectTcp(const std::string& address, int receive_buffer = 0) {
  const auto colon = address.rfind(':');
  const auto port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = port;
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = port;
  const bool ipv6 = address.front() == '[';
  if (ipv6) {
    ::inet_pton(AF_INET6, address.substr(1, colon - 2).c_str(), &v6.sin6_addr);
  } else {
    ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &v4.sin_addr);
  }
  UniqueFd fd(::socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (receive_buffer > 0) {
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
  }
  const void* peer = &v4;
  if (ipv6) peer = &v6;
  EXPECT_EQ(::connect(fd.get(), static_cast<const sockaddr*>(peer), ipv6 ? sizeof(v6) : sizeof(v4)),
            0)
      << address;
  timeval limit{.tv_sec = 20, .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  return fd;
}

inline void SendText(const UniqueFd& fd, const std::string& text) {
  EXPECT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(text.size()));
}

// All that comes until the end.
inline std::string ReadAll(const UniqueFd& fd) {
  std::string reply;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t n = Receive(fd.get(), buffer.data(), buffer.size());
    if (n <= 0) break;
    reply.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return reply;
}

// Status line, headers and body, as they come.
inline std::string HttpRaw(const std::string& address, const std::string& request) {
  const UniqueFd fd = ConnectTcp(address);
  SendText(fd, request);
  return ReadAll(fd);
}

inline std::string Http(const std::string& address, const std::string& method,
                        const std::string& target, const std::string& headers = "") {
  return HttpRaw(address, method + " " + target +
                              " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n" + headers +
                              "\r\n");
}

inline std::string Body(const std::string& reply) {
  const auto end = reply.find("\r\n\r\n");
  return end == std::string::npos ? "" : reply.substr(end + 4);
}

}  // namespace echogw::server
