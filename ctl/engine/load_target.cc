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

// How long an address has before the next one is tried beside it (RFC 8305).
constexpr std::chrono::milliseconds kNextAddressAfter{250};

// Starts a connect, or sends a datagram that an echo endpoint answers. fd is -1 on failure.
pollfd StartTry(const LoadTarget& target, int type) {
  const bool datagram = type == SOCK_DGRAM;
  pollfd attempt{.fd = socket(target.family(), type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
                 .events = static_cast<short>(datagram ? POLLIN : POLLOUT),
                 .revents = 0};
  if (attempt.fd < 0) return attempt;
  constexpr std::uint64_t kProbe = 0;
  bool started = connect(attempt.fd, target.get(), target.length) == 0 || errno == EINPROGRESS;
  if (started && datagram) started = send(attempt.fd, &kProbe, sizeof kProbe, 0) > 0;
  if (!started) {
    close(attempt.fd);
    attempt.fd = -1;
  }
  return attempt;
}

bool AllDigits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

std::uint16_t LoadTarget::port() const { return PortOf(address); }

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

absl::StatusOr<LoadTarget> ResolveEndpoint(const HostPort& where, Duration timeout, int type) {
  if (!where.unix_path.empty()) {
    LoadTarget endpoint;
    auto* address = reinterpret_cast<sockaddr_un*>(&endpoint.address);
    address->sun_family = AF_UNIX;
    std::memcpy(address->sun_path, where.unix_path.c_str(), where.unix_path.size() + 1);
    endpoint.length = sizeof(sockaddr_un);
    return endpoint;
  }
  auto found = LookUp(where, type);
  if (!found.ok()) return found.status();
  if (found->size() == 1) return found->front();
  if (auto first = FirstToAnswer(*found, type, timeout); first.ok()) return first;
  if (type == SOCK_DGRAM) return found->front();
  return absl::UnavailableError(
      absl::StrCat("no address of '", where.host, "' answers on port ", where.port));
}

absl::StatusOr<LoadTarget> FirstToAnswer(const std::vector<LoadTarget>& targets, int type,
                                         Duration timeout) {
  using Clock = std::chrono::steady_clock;
  const auto began = Clock::now();
  std::vector<pollfd> tries;
  const auto answered = [](pollfd& attempt) {
    if (attempt.fd < 0 || attempt.revents == 0) return false;
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(attempt.fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error == 0) return true;
    close(attempt.fd);
    attempt.fd = -1;
    return false;
  };
  const auto is_pending = [](const pollfd& attempt) { return attempt.fd >= 0; };
  auto winner = tries.end();
  for (bool more = true; more && winner == tries.end();) {
    if (tries.size() < targets.size()) tries.push_back(StartTry(targets[tries.size()], type));
    const bool last = tries.size() == targets.size();
    const Duration left = timeout - (Clock::now() - began);
    const auto wait = last ? std::clamp<Duration>(left, {}, std::chrono::minutes(1))
                           : Duration(kNextAddressAfter);
    if (std::any_of(tries.begin(), tries.end(), is_pending)) {
      poll(tries.data(), tries.size(),
           static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(wait).count()));
    }
    winner = std::find_if(tries.begin(), tries.end(), answered);
    more = !last || (left.count() > 0 && std::any_of(tries.begin(), tries.end(), is_pending));
  }
  const auto index = static_cast<std::size_t>(winner - tries.begin());
  for (const pollfd& attempt : tries) {
    if (attempt.fd >= 0) close(attempt.fd);
  }
  if (index < tries.size()) return targets[index];
  return absl::UnavailableError("no address answers");
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
