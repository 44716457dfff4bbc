// ClientSocket: one stream connection to the target as a non-blocking socket, over TLS if wanted.
// A value whose owner calls Close(): destruction alone leaves the descriptor open.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

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
  [[nodiscard]] int Open(const LoadTarget& target, const sockaddr_in* source);
  // 0 when connected or pending, which EPOLLOUT reports in both cases; or an errno.
  [[nodiscard]] int Connect(const LoadTarget& target) const;
  // The errno of a connect that failed; 0 for none.
  [[nodiscard]] int ConnectError() const;
  // Of a connected socket, to be called again when it is ready; done at once if `tls` is null.
  [[nodiscard]] TlsClient::Progress Handshake(const TlsSettings* tls);
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
  [[nodiscard]] int EndSending();
  void Close();

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
