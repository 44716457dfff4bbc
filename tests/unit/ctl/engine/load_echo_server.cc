#include "tests/unit/ctl/engine/load_echo_server.h"

#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

namespace echogw::ctl::load {

namespace {

void Require(bool ok, const char* what) {
  if (!ok) ADD_FAILURE() << what << ": errno " << errno;
}

}  // namespace

LoadEchoServer::LoadEchoServer(EchoScript script, int family) : script_(script) {
  endpoint_.address.ss_family = static_cast<sa_family_t>(family);
  if (family == AF_INET) {
    auto* address = reinterpret_cast<sockaddr_in*>(&endpoint_.address);
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    endpoint_.length = sizeof *address;
  } else {
    auto* address = reinterpret_cast<sockaddr_in6*>(&endpoint_.address);
    address->sin6_addr = in6addr_loopback;
    endpoint_.length = sizeof *address;
  }
  listener_ = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  Require(bind(listener_, endpoint_.get(), endpoint_.length) == 0, "bind");
  Require(listen(listener_, 1024) == 0, "listen");
  Require(getsockname(listener_, reinterpret_cast<sockaddr*>(&endpoint_.address),
                      &endpoint_.length) == 0,
          "getsockname");
  wake_ = eventfd(0, EFD_CLOEXEC);
  thread_ = std::thread([this] { Run(); });
}

LoadEchoServer::~LoadEchoServer() {
  Require(eventfd_write(wake_, 1) == 0, "eventfd_write");
  thread_.join();
  for (const auto& [fd, peer] : peers_) close(fd);
  close(listener_);
  close(wake_);
}

void LoadEchoServer::Run() {
  for (;;) {
    std::vector<pollfd> fds = {{wake_, POLLIN, 0}, {listener_, POLLIN, 0}};
    for (const auto& [fd, peer] : peers_) {
      const int wanted = (peer.half_closed ? 0 : POLLIN) | (peer.pending.empty() ? 0 : POLLOUT);
      fds.push_back({fd, static_cast<short>(wanted), 0});
    }
    if (poll(fds.data(), fds.size(), -1) < 0) continue;
    if (fds[0].revents != 0) return;
    for (std::size_t i = 2; i < fds.size(); ++i) {
      if (fds[i].revents == 0) continue;
      const auto found = peers_.find(fds[i].fd);
      if (Serve(found->first, found->second)) continue;
      close(found->first);
      peers_.erase(found);
      ++closes_;
    }
    if (fds[1].revents != 0) Accept();
  }
}

void LoadEchoServer::Accept() {
  for (;;) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    Peer peer;
    peer.number = static_cast<int>(accepted_++);
    peers_.emplace(fd, std::move(peer));
  }
}

bool LoadEchoServer::Serve(int fd, Peer& peer) {
  char buffer[16384];
  const bool mine = script_.connection < 0 || script_.connection == peer.number;
  while (!peer.half_closed) {
    const ssize_t size = recv(fd, buffer, sizeof buffer, 0);
    if (size < 0) {
      if (errno == EAGAIN) break;
      return false;
    }
    if (size == 0) {
      peer.half_closed = true;
      break;
    }
    received_bytes_ += static_cast<std::uint64_t>(size);
    std::string data(buffer, static_cast<std::size_t>(size));
    const bool strikes = mine && !peer.struck && peer.received + data.size() > script_.at;
    if (strikes && script_.fault == EchoFault::kReset) {
      const linger reset{.l_onoff = 1, .l_linger = 0};
      setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
      return false;
    }
    if (strikes && script_.fault == EchoFault::kClose) {
      // Everything read so far is answered up to `at`, and the close is no reset, because nothing
      // is left unread.
      peer.pending += data.substr(0, script_.at - peer.received);
      static_cast<void>(Flush(fd, peer));
      return recv(fd, buffer, 1, MSG_PEEK) > 0;
    }
    Answer(peer, std::move(data));
  }
  if (!Flush(fd, peer)) return false;
  if (!peer.half_closed || !peer.pending.empty()) return true;
  if (mine && script_.fault == EchoFault::kNoFin) return true;
  ++clean_closes_;
  return false;
}

void LoadEchoServer::Answer(Peer& peer, std::string data) {
  const bool mine = script_.connection < 0 || script_.connection == peer.number;
  const std::uint64_t before = peer.received;
  peer.received += data.size();
  if (peer.muted) return;
  if (mine && !peer.struck && peer.received > script_.at) {
    peer.struck = true;
    const auto at = static_cast<std::size_t>(script_.at - before);
    switch (script_.fault) {
      case EchoFault::kFlipByte:
        data[at] = static_cast<char>(data[at] ^ 0x10);
        break;
      case EchoFault::kDropByte:
        data.erase(at, 1);
        break;
      case EchoFault::kDuplicateByte:
        data.insert(at, 1, data[at]);
        break;
      case EchoFault::kReorder:
        std::swap_ranges(data.begin() + static_cast<std::ptrdiff_t>(at),
                         data.begin() + static_cast<std::ptrdiff_t>(at) + 4,
                         data.begin() + static_cast<std::ptrdiff_t>(at) + 4);
        break;
      case EchoFault::kSurplus:
        data.push_back('x');
        break;
      case EchoFault::kMute:
        peer.muted = true;
        data.resize(at);
        break;
      case EchoFault::kPause:
        if (!paused_) std::this_thread::sleep_for(script_.pause);
        paused_ = true;
        break;
      case EchoFault::kNone:
      case EchoFault::kReset:
      case EchoFault::kClose:
      case EchoFault::kNoFin:
        break;
    }
  }
  peer.pending += data;
}

bool LoadEchoServer::Flush(int fd, Peer& peer) {
  while (!peer.pending.empty()) {
    const ssize_t sent = send(fd, peer.pending.data(), peer.pending.size(), MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN;
    peer.pending.erase(0, static_cast<std::size_t>(sent));
  }
  return true;
}

}  // namespace echogw::ctl::load
