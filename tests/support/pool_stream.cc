#include "tests/support/pool_stream.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <random>

#include "absl/strings/str_cat.h"
#include "tests/support/wait_until.h"

namespace echogw::server {
namespace {

// Twice the period, so that any window of a period is contiguous. The period is prime, so a lost or
// swapped part cannot match another.
const std::string& Noise() {
  static const std::string noise = [] {
    std::mt19937_64 engine(20240601);
    std::string out;
    for (std::size_t i = 0; i < kStreamChunk; ++i) out.push_back(static_cast<char>(engine()));
    return out + out;
  }();
  return noise;
}

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

Address Resolve(const std::string& host, std::uint16_t port) {
  Address out;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&out.storage, &v4, sizeof(v4));
    out.length = sizeof(v4);
  } else {
    ::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&out.storage, &v6, sizeof(v6));
    out.length = sizeof(v6);
  }
  return out;
}

}  // namespace

std::string_view StreamBytes(std::uint64_t salt, std::uint64_t offset, std::size_t size) {
  const std::size_t at = (salt * 7919 + offset) % kStreamChunk;
  return std::string_view(Noise()).substr(at, std::min(size, kStreamChunk));
}

StreamClient::StreamClient(const StreamClientOptions& options) : salt_(options.salt) {
  const Address to = Resolve(options.host, options.port);
  fd_.Reset(::socket(to.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd_.valid()) {
    Fail(absl::StrCat("socket: ", std::strerror(errno)));
    return;
  }
  if (options.receive_buffer_bytes > 0) {
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &options.receive_buffer_bytes,
                 sizeof(options.receive_buffer_bytes));
  }
  const auto begun = std::chrono::steady_clock::now();
  const void* generic = &to.storage;
  const int result = ::connect(fd_.get(), static_cast<const sockaddr*>(generic), to.length);
  const int error = errno;
  connect_nanos_ = std::chrono::nanoseconds(std::chrono::steady_clock::now() - begun).count();
  if (result != 0) {
    Fail(absl::StrCat("connect: ", std::strerror(error)));
    fd_.Reset();
    return;
  }
  ::fcntl(fd_.get(), F_SETFL, O_NONBLOCK);
}

void StreamClient::Fail(const std::string& what) {
  if (error_.empty()) error_ = what;
}

bool StreamClient::Send() {
  bool moved = false;
  while (open() && sent_ < offered_) {
    const std::string_view bytes = StreamBytes(salt_, sent_, offered_ - sent_);
    const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EAGAIN || errno == EINTR) break;
      end_ = End::kReset;
      Fail(absl::StrCat("send after ", sent_, " bytes: ", std::strerror(errno)));
      break;
    }
    sent_ += static_cast<std::uint64_t>(n);
    moved = true;
  }
  if (half_close_ && !fin_sent_ && open() && sent_ == offered_) {
    ::shutdown(fd_.get(), SHUT_WR);
    fin_sent_ = true;
  }
  return moved;
}

void StreamClient::Check(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::string_view wanted = StreamBytes(salt_, received_, bytes.size());
    if (bytes.substr(0, wanted.size()) != wanted) {
      Fail(absl::StrCat("wrong byte between ", received_, " and ", received_ + wanted.size()));
    }
    received_ += wanted.size();
    bytes.remove_prefix(wanted.size());
  }
  if (received_ > sent_) Fail(absl::StrCat("more came back than was sent: ", received_));
}

bool StreamClient::Receive(std::size_t most) {
  std::array<char, 16384> chunk;  // NOLINT: filled by recv
  bool moved = false;
  while (open() && most > 0) {
    const ssize_t n = ::recv(fd_.get(), chunk.data(), std::min(most, chunk.size()), 0);
    if (n > 0) {
      Check({chunk.data(), static_cast<std::size_t>(n)});
      most -= static_cast<std::size_t>(n);
      moved = true;
    } else if (n == 0) {
      end_ = End::kFin;
      if (!fin_sent_ || !caught_up()) {
        Fail(absl::StrCat("early end after ", received_, " of ", offered_, " bytes"));
      }
    } else {
      if (errno == EAGAIN || errno == EINTR) break;
      end_ = End::kReset;
      Fail(absl::StrCat("reset after ", received_, " of ", offered_,
                        " bytes: ", std::strerror(errno)));
    }
  }
  return moved;
}

bool StreamClient::Pump(std::size_t read_most) {
  const bool sent = Send();
  return Receive(read_most) || sent;
}

bool StreamClient::done() const {
  return error_.empty() && caught_up() && (!half_close_ || end_ == End::kFin);
}

void StreamClient::WaitAWhile() const {
  pollfd p{fd_.get(), static_cast<short>(POLLIN | (sent_ < offered_ ? POLLOUT : 0)), 0};
  ::poll(&p, 1, 100);
}

bool StreamClient::PumpUntilDone() {
  const auto end = std::chrono::steady_clock::now() + kTestDeadline;
  while (open() && !done()) {
    if (std::chrono::steady_clock::now() >= end) {
      Fail(absl::StrCat("only ", received_, " of ", offered_, " bytes came back in time"));
      break;
    }
    if (!Pump()) WaitAWhile();
  }
  return done();
}

void StreamClient::Reset() {
  if (!fd_.valid()) return;
  const linger none{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &none, sizeof(none));
  fd_.Reset();
}

}  // namespace echogw::server
