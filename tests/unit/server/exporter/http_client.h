// One HTTP request over a plain socket, for tests of the exporter.
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

// A connection to "127.0.0.1:PORT".
inline UniqueFd ConnectTcp(const std::string& address) {
  const auto colon = address.rfind(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
  ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const void* peer = &to;
  EXPECT_EQ(::connect(fd.get(), static_cast<const sockaddr*>(peer), sizeof(to)), 0) << address;
  timeval limit{.tv_sec = 20, .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  return fd;
}

// Status line, headers and body, as they come.
inline std::string Http(const std::string& address, const std::string& method,
                        const std::string& path, const std::string& headers = "") {
  const UniqueFd fd = ConnectTcp(address);
  const std::string request =
      method + " " + path + " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n" + headers + "\r\n";
  EXPECT_EQ(::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(request.size()));
  std::string reply;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t n = Receive(fd.get(), buffer.data(), buffer.size());
    if (n <= 0) break;
    reply.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return reply;
}

inline std::string Body(const std::string& reply) {
  const auto end = reply.find("\r\n\r\n");
  return end == std::string::npos ? "" : reply.substr(end + 4);
}

}  // namespace echogw::server
