#include "tests/support/udp_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>

#include "gtest/gtest.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#define UDP_GRO 104
#endif

namespace echogw {
namespace {

constexpr std::size_t kDatagramMax = 65536;

const sockaddr* GenericAddress(const void* address) {
  return static_cast<const sockaddr*>(address);
}

}  // namespace

UdpClient::UdpClient(std::uint16_t port, const UdpClientOptions& options) {
  const bool v6 = options.host.find(':') != std::string::npos;
  fd_ = UniqueFd(::socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const int room = 4 << 20;
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
  if (options.segment_bytes > 0) {
    const int size = options.segment_bytes;
    const int on = 1;
    EXPECT_EQ(::setsockopt(fd_.get(), IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)), 0);
    EXPECT_EQ(::setsockopt(fd_.get(), IPPROTO_UDP, UDP_GRO, &on, sizeof(on)), 0);
  }
  if (options.source_port > 0) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(options.source_port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(fd_.get(), GenericAddress(&at), sizeof(at)), 0) << std::strerror(errno);
  }
  int result = -1;
  if (v6) {
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    to.sin6_port = htons(port);
    EXPECT_EQ(::inet_pton(AF_INET6, options.host.c_str(), &to.sin6_addr), 1);
    result = ::connect(fd_.get(), GenericAddress(&to), sizeof(to));
  } else {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    EXPECT_EQ(::inet_pton(AF_INET, options.host.c_str(), &to.sin_addr), 1);
    result = ::connect(fd_.get(), GenericAddress(&to), sizeof(to));
  }
  EXPECT_EQ(result, 0) << std::strerror(errno);
}

bool UdpClient::Send(std::string_view datagram) const {
  return ::send(fd_.get(), datagram.data(), datagram.size(), 0) ==
         static_cast<ssize_t>(datagram.size());
}

std::optional<std::string> UdpClient::Receive(std::chrono::milliseconds wait_max) const {
  pollfd readable{.fd = fd_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&readable, 1, static_cast<int>(wait_max.count())) != 1) return std::nullopt;
  std::string datagram(kDatagramMax, '\0');
  const ssize_t n = ::recv(fd_.get(), datagram.data(), datagram.size(), MSG_DONTWAIT);
  if (n < 0) return std::nullopt;
  datagram.resize(static_cast<std::size_t>(n));
  return datagram;
}

std::optional<std::string> UdpClient::Echo(std::string_view datagram) const {
  if (!Send(datagram)) return std::nullopt;
  return Receive();
}

}  // namespace echogw
