#include "ctl/engine/client_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace echogw::ctl::load {

int ClientSocket::Open(const LoadTarget& target, const sockaddr_in* source) {
  const bool unix_socket = target.family() == AF_UNIX;
  fd_ = socket(target.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
               unix_socket ? 0 : IPPROTO_TCP);
  if (fd_ < 0) return errno;
  const int on = 1;
  if (!unix_socket && setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) return errno;
  if (source == nullptr) return 0;
  // The port is chosen by connect(), which may share it between destinations; bind() alone would
  // take a port of the whole address.
  if (setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0 ||
      bind(fd_, reinterpret_cast<const sockaddr*>(source), sizeof *source) != 0) {
    return errno;
  }
  return 0;
}

int ClientSocket::Connect(const LoadTarget& target) const {
  if (connect(fd_, target.get(), target.length) == 0 || errno == EINPROGRESS) return 0;
  return errno;
}

int ClientSocket::ConnectError() const {
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
  return error;
}

TlsClient::Progress ClientSocket::Handshake(const TlsSettings* tls) {
  if (tls == nullptr) return TlsClient::Progress::kDone;
  if (tls_ == nullptr) tls_ = std::make_unique<TlsClient>(*tls, fd_);
  return tls_->Handshake();
}

int ClientSocket::EndSending() {
  if (tls_ != nullptr) tls_->End();
  return shutdown(fd_, SHUT_WR) != 0 ? errno : 0;
}

void ClientSocket::Close() {
  tls_.reset();
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

}  // namespace echogw::ctl::load
