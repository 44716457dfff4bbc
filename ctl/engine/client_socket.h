// ClientSocket: one stream connection to the target as a non-blocking socket, over TLS if wanted.
// A value whose owner calls Close(): destruction alone leaves the descriptor open.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "ctl/engine/load_target.h"
#include "ctl/engine/tls_client.h"

namespace echogw::ctl::load {

class ClientSocket {
 public:
  // Bound to `source` unless that is null. 0, or the errno of what failed.
  [[nodiscard]] int Open(const LoadTarget& target, const sockaddr_in* source) {
    const bool unix_socket = target.family() == AF_UNIX;
    fd_ = socket(target.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                 unix_socket ? 0 : IPPROTO_TCP);
    if (fd_ < 0) return errno;
    const int on = 1;
    if (!unix_socket && setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
      return errno;
    if (source == nullptr) return 0;
    // connect() chooses the port, which may serve several destinations; bind() would take it whole.
    if (setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0 ||
        bind(fd_, reinterpret_cast<const sockaddr*>(source), sizeof *source) != 0) {
      return errno;
    }
    return 0;
  }
  // 0 when connected or pending, which EPOLLOUT reports in both cases; or an errno.
  [[nodiscard]] int Connect(const LoadTarget& target) const {
    if (connect(fd_, target.get(), target.length) == 0 || errno == EINPROGRESS) return 0;
    return errno;
  }
  // The errno of a connect that failed; 0 for none.
  [[nodiscard]] int ConnectError() const {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
    return error;
  }
  // Of a connected socket, to be called again when it is ready; done at once if `tls` is null.
  [[nodiscard]] TlsClient::Progress Handshake(const TlsSettings* tls) {
    if (tls == nullptr) return TlsClient::Progress::kDone;
    if (tls_ == nullptr) tls_ = std::make_unique<TlsClient>(*tls, fd_);
    return tls_->Handshake();
  }
  // As recv(2) and send(2).
  [[nodiscard]] ssize_t Receive(std::span<char> into) {
    if (tls_ != nullptr) return tls_->Receive(into.data(), into.size());
    return recv(fd_, into.data(), into.size(), 0);
  }
  [[nodiscard]] ssize_t Send(const char* from, std::size_t size) {
    if (tls_ != nullptr) return tls_->Send(from, size);
    return send(fd_, from, size, MSG_NOSIGNAL);
  }
  // Sends FIN. 0, or the errno.
  [[nodiscard]] int EndSending() {
    if (tls_ != nullptr) tls_->End();
    return shutdown(fd_, SHUT_WR) != 0 ? errno : 0;
  }
  void Close() {
    tls_.reset();
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  [[nodiscard]] int fd() const { return fd_; }
  // Null for plain TCP, and before the handshake.
  [[nodiscard]] const TlsClient* tls() const { return tls_.get(); }
  // 0 when it has none.
  [[nodiscard]] std::uint16_t local_port() const { return fd_ >= 0 ? LocalPort(fd_) : 0; }

 private:
  int fd_ = -1;
  std::unique_ptr<TlsClient> tls_;
};

}  // namespace echogw::ctl::load
