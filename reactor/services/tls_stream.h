// The TLS of one connection, over the same system calls as a plain one: OpenSSL reads and writes by
// a SocketIo that each call brings along, so that the connection may move between reactors. Holds
// at most one record that the kernel has not taken, and one that has not come as a whole.
//
// One thread at a time; what it must not do is fail half: after kError only destruction is left.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "reactor/net/socket_io.h"
#include "reactor/services/tls_context.h"
#include "reactor/stats/counters.h"

namespace echogw {

class TlsStream {
 public:
  // `ssl` is in the state of a server or of a client, and new.
  explicit TlsStream(SslHandle ssl);
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;
  ~TlsStream();

  // Goes on with the handshake. kOk: done. kWouldBlock: see wants_write. kEof: the peer went away.
  [[nodiscard]] IoStatus Handshake(SocketIo& io, int fd) noexcept;
  // As of SocketIo, for payload. kEof: the peer sent close_notify, or FIN without it.
  [[nodiscard]] IoResult Read(SocketIo& io, int fd, std::span<std::byte> into) noexcept;
  // What is tried again must be the same bytes from the first that was not written, at least as
  // many.
  [[nodiscard]] IoResult Write(SocketIo& io, int fd, std::span<const std::byte> from) noexcept;
  // Sends close_notify, once. kOk when it is out, kWouldBlock to try again, kError when it cannot.
  [[nodiscard]] IoStatus SendEnd(SocketIo& io, int fd) noexcept;

  // The last kWouldBlock was of writing, in whatever call.
  [[nodiscard]] bool wants_write() const { return wants_write_; }
  // A call has returned kError.
  [[nodiscard]] bool broken() const { return broken_; }
  // After kError: of the socket, or 0 if the protocol failed.
  [[nodiscard]] int socket_error() const { return wire_.error; }
  // After kError with no socket_error.
  [[nodiscard]] TlsFailure failure() const { return failure_; }

  // "TLSv1.3" and "TLS_AES_256_GCM_SHA384"; good after the handshake, as long as this lives.
  [[nodiscard]] const char* version() const;
  [[nodiscard]] const char* cipher() const;

  // What OpenSSL's calls are led to.
  struct Wire {
    SocketIo* io = nullptr;
    int fd = -1;
    int error = 0;
    bool ended = false;
  };

 private:
  void Begin(SocketIo& io, int fd) noexcept;
  // What a call that returned `result` without success means.
  [[nodiscard]] IoStatus Explain(int result) noexcept;

  Wire wire_;
  SslHandle ssl_;
  bool wants_write_ = false;
  bool broken_ = false;
  TlsFailure failure_ = TlsFailure::kOther;
};

}  // namespace echogw
