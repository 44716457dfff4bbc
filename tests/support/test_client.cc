#include "tests/support/test_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "gtest/gtest.h"
#include "tests/support/wait_until.h"

namespace echogw {
namespace {

sockaddr* Generic(void* address) { return static_cast<sockaddr*>(address); }

UniqueFd MakeSocket(int family, const TestClientOptions& options) {
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_TRUE(fd.valid()) << std::strerror(errno);
  for (const auto& [name, bytes] : {std::pair{SO_RCVBUF, options.receive_buffer_bytes},
                                    std::pair{SO_SNDBUF, options.send_buffer_bytes}}) {
    if (bytes > 0) ::setsockopt(fd.get(), SOL_SOCKET, name, &bytes, sizeof(bytes));
  }
  if (options.segment_bytes > 0) {
    EXPECT_EQ(::setsockopt(fd.get(), IPPROTO_TCP, TCP_MAXSEG, &options.segment_bytes,
                           sizeof(options.segment_bytes)),
              0);
  }
  return fd;
}

}  // namespace

std::string Pattern(std::size_t size, std::uint32_t salt) {
  std::string out(size, '\0');
  std::uint32_t state = salt * 2654435761U + 1;
  for (char& c : out) {
    state = state * 1664525U + 1013904223U;
    c = static_cast<char>(state >> 24U);
  }
  return out;
}

TestClient::TestClient(std::uint16_t port, const TestClientOptions& options) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  const bool is_v4 = ::inet_pton(AF_INET, options.host.c_str(), &v4.sin_addr) == 1;
  fd_ = MakeSocket(is_v4 ? AF_INET : AF_INET6, options);
  int result = 0;
  if (is_v4) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    result = ::connect(fd_.get(), Generic(&v4), sizeof(v4));
  } else {
    EXPECT_EQ(::inet_pton(AF_INET6, options.host.c_str(), &v6.sin6_addr), 1) << options.host;
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    result = ::connect(fd_.get(), Generic(&v6), sizeof(v6));
  }
  EXPECT_EQ(result, 0) << "connect to " << options.host << " port " << port << ": "
                       << std::strerror(errno);
}

std::uint16_t TestClient::local_port() const {
  sockaddr_in at{};
  socklen_t length = sizeof(at);
  EXPECT_EQ(::getsockname(fd_.get(), Generic(&at), &length), 0);
  return ntohs(at.sin_port);
}

void TestClient::WaitFor(short events) const {
  pollfd p{fd_.get(), events, 0};
  const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(kTestDeadline);
  ::poll(&p, 1, static_cast<int>(limit.count()));
}

std::size_t TestClient::SendSome(std::string_view bytes) {
  if (bytes.empty()) return 0;
  const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n >= 0) return static_cast<std::size_t>(n);
  if (errno != EAGAIN && errno != EINTR) end_ = End::kReset;
  return 0;
}

void TestClient::Send(std::string_view bytes) {
  const auto end = std::chrono::steady_clock::now() + kTestDeadline;
  while (!bytes.empty() && end_ != End::kReset) {
    const std::size_t n = SendSome(bytes);
    bytes.remove_prefix(n);
    if (n > 0) continue;
    ASSERT_LT(std::chrono::steady_clock::now(), end) << bytes.size() << " bytes not sent in time";
    WaitFor(POLLOUT);
  }
}

void TestClient::SendUrgent(char byte) {
  EXPECT_EQ(::send(fd_.get(), &byte, 1, MSG_OOB | MSG_NOSIGNAL), 1) << std::strerror(errno);
}

void TestClient::Pump(std::size_t most) {
  std::array<char, 16384> chunk{};
  while (most > 0 && end_ == End::kOpen) {
    const ssize_t n = ::recv(fd_.get(), chunk.data(), std::min(most, chunk.size()), MSG_DONTWAIT);
    if (n > 0) {
      received_.append(chunk.data(), static_cast<std::size_t>(n));
      most -= static_cast<std::size_t>(n);
    } else if (n == 0) {
      end_ = End::kFin;
    } else {
      if (errno != EAGAIN && errno != EINTR) end_ = End::kReset;
      return;
    }
  }
}

std::string TestClient::Receive(std::size_t size) {
  const auto end = std::chrono::steady_clock::now() + kTestDeadline;
  for (;;) {
    if (received_.size() < size) Pump(size - received_.size());
    if (received_.size() >= size || end_ != End::kOpen) break;
    if (std::chrono::steady_clock::now() >= end) {
      ADD_FAILURE() << "only " << received_.size() << " of " << size << " bytes came in time";
      break;
    }
    WaitFor(POLLIN);
  }
  return std::exchange(received_, {});
}

std::string TestClient::ReceiveToEnd() {
  const auto end = std::chrono::steady_clock::now() + kTestDeadline;
  for (;;) {
    Pump();
    if (end_ != End::kOpen) break;
    if (std::chrono::steady_clock::now() >= end) {
      ADD_FAILURE() << "no end in time, after " << received_.size() << " bytes";
      break;
    }
    WaitFor(POLLIN);
  }
  return std::exchange(received_, {});
}

void TestClient::HalfClose() { EXPECT_EQ(::shutdown(fd_.get(), SHUT_WR), 0); }

void TestClient::Reset() {
  const linger none{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &none, sizeof(none));
  fd_.Reset();
}

}  // namespace echogw
