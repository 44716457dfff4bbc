#include "ctl/engine/load_target.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"

namespace echogw::ctl::load {

namespace {

// Files that the process holds beside its connections: terminal, epoll, gRPC's own, libraries.
constexpr std::uint64_t kOtherFiles = 64;

std::uint16_t PortOf(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
  }
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port);
  }
  return 0;
}

// 0, or the errno of a connect that is made and closed again.
int TryConnect(const LoadTarget& endpoint, std::chrono::nanoseconds timeout) {
  const int fd = socket(endpoint.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) return errno;
  int error = 0;
  if (connect(fd, endpoint.get(), endpoint.length) != 0) error = errno;
  if (error == EINPROGRESS) {
    pollfd poll_fd{.fd = fd, .events = POLLOUT, .revents = 0};
    const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
    const int ready =
        poll(&poll_fd, 1, static_cast<int>(std::min<std::int64_t>(milliseconds, 60'000)));
    socklen_t length = sizeof error;
    if (ready == 0) {
      error = ETIMEDOUT;
    } else if (ready < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) {
      error = errno;
    }
  }
  close(fd);
  return error;
}

bool AllDigits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// In the resolver's order; at least one.
absl::StatusOr<std::vector<LoadTarget>> LookUp(const HostPort& where, int type) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = type;
  addrinfo* found = nullptr;
  const int result = getaddrinfo(where.host.c_str(), where.port.c_str(), &hints, &found);
  if (result != 0) {
    return absl::UnavailableError(absl::StrCat("cannot find the address of '", where.host,
                                               "': ", gai_strerror(result), "; check the name"));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  std::vector<LoadTarget> out;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    LoadTarget endpoint;
    std::memcpy(&endpoint.address, entry->ai_addr, entry->ai_addrlen);
    endpoint.length = entry->ai_addrlen;
    out.push_back(endpoint);
  }
  return out;
}

}  // namespace

std::string LoadTarget::ToString() const {
  if (family() == AF_UNIX) {
    return absl::StrCat("unix:", reinterpret_cast<const sockaddr_un*>(&address)->sun_path);
  }
  char host[NI_MAXHOST] = "";
  getnameinfo(get(), length, host, sizeof host, nullptr, 0, NI_NUMERICHOST);
  const std::uint16_t port = PortOf(address);
  return family() == AF_INET6 ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port);
}

absl::StatusOr<HostPort> ParseHostPort(std::string_view text) {
  constexpr std::string_view kUnix = "unix:";
  if (text.substr(0, kUnix.size()) == kUnix) {
    const std::string_view path = text.substr(kUnix.size());
    if (!path.empty() && path.size() < sizeof(sockaddr_un::sun_path)) {
      return HostPort{.host = "", .port = "", .unix_path = std::string(path)};
    }
    return absl::InvalidArgumentError(
        absl::StrCat("'", std::string(text), "' has no path of 1 to 107 bytes; write unix:PATH"));
  }
  const absl::Status bad = absl::InvalidArgumentError(
      absl::StrCat("'", std::string(text),
                   "' is not an address; write HOST:PORT or [IPV6]:PORT with a port from 1 to "
                   "65535, or unix:PATH"));
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return bad;
  }
  if (host.empty() || !AllDigits(port) || port.size() > 5) return bad;
  const int number = std::stoi(std::string(port));
  if (number < 1 || number > 65535) return bad;
  return HostPort{.host = std::string(host), .port = std::string(port)};
}

absl::StatusOr<LoadTarget> ResolveEndpoint(const HostPort& where,
                                           std::chrono::nanoseconds timeout) {
  if (!where.unix_path.empty()) {
    LoadTarget endpoint;
    auto* address = reinterpret_cast<sockaddr_un*>(&endpoint.address);
    address->sun_family = AF_UNIX;
    std::memcpy(address->sun_path, where.unix_path.c_str(), where.unix_path.size() + 1);
    endpoint.length = sizeof(sockaddr_un);
    return endpoint;
  }
  auto found = LookUp(where, SOCK_STREAM);
  if (!found.ok()) return found.status();
  if (found->size() == 1) return found->front();
  int error = 0;
  for (const LoadTarget& endpoint : *found) {
    error = TryConnect(endpoint, timeout);
    if (error == 0) return endpoint;
  }
  return absl::UnavailableError(absl::StrCat("no address of '", where.host, "' answers on port ",
                                             where.port,
                                             ", the last one with: ", std::strerror(error)));
}

absl::StatusOr<LoadTarget> ResolveUdpEndpoint(const HostPort& where) {
  auto found = LookUp(where, SOCK_DGRAM);
  if (!found.ok()) return found.status();
  return found->front();
}

absl::StatusOr<std::vector<sockaddr_in>> SourceAddresses(const LoadTarget& target,
                                                         std::size_t count) {
  std::vector<sockaddr_in> sources;
  if (count <= 1) return sources;
  const auto* address = reinterpret_cast<const sockaddr_in*>(&target.address);
  if (target.family() != AF_INET || ntohl(address->sin_addr.s_addr) >> 24 != 127) {
    return absl::InvalidArgumentError(
        absl::StrCat("several source addresses need a target in 127.0.0.0/8, and this one is ",
                     target.ToString(), "; leave out --source-addresses"));
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    sockaddr_in source{};
    source.sin_family = AF_INET;
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + i);
    sources.push_back(source);
  }
  return sources;
}

absl::Status RaiseFileLimit(std::uint64_t connections) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return absl::ErrnoToStatus(errno, "getrlimit RLIMIT_NOFILE");
  }
  const std::uint64_t needed = connections + kOtherFiles;
  if (limit.rlim_max != RLIM_INFINITY && needed > limit.rlim_max) {
    return absl::ResourceExhaustedError(absl::StrCat(
        connections, " connections need ", needed, " open files, and the hard limit is ",
        limit.rlim_max, "; use fewer connections or raise the limit (ulimit -Hn)"));
  }
  if (limit.rlim_cur == limit.rlim_max) return absl::OkStatus();
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return absl::ErrnoToStatus(errno, "setrlimit RLIMIT_NOFILE to the hard limit");
  }
  return absl::OkStatus();
}

std::uint16_t LocalPort(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
  return PortOf(address);
}

}  // namespace echogw::ctl::load
