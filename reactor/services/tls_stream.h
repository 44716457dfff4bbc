// The TLS state of one connection. OpenSSL reads and writes through the SocketIo that is passed to
// each call, so that the connection can move between reactors. Holds at most one record that the
// kernel has not taken, and one incomplete record.
//
// One thread at a time. After kError it can only be destroyed.
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

  // Continues the handshake. kOk: done. kWouldBlock: see wants_write. kEof: the peer closed.
  [[nodiscard]] IoStatus Handshake(SocketIo& io, int fd) noexcept;
  // As of SocketIo, for payload. kEof: the peer sent close_notify, or FIN without it.
  [[nodiscard]] IoResult Read(SocketIo& io, int fd, std::span<std::byte> into) noexcept;
  // A retry must pass the same bytes, from the first that was not written, and at least as many.
  [[nodiscard]] IoResult Write(SocketIo& io, int fd, std::span<const std::byte> from) noexcept;
  // Sends close_notify, once. kOk when it is out, kWouldBlock to try again, kError when it cannot.
  [[nodiscard]] IoStatus SendEnd(SocketIo& io, int fd) noexcept;

  // The last kWouldBlock, of any call, was for writing.
  [[nodiscard]] bool wants_write() const { return wants_write_; }
  // The last Handshake or Read ended with kWouldBlock only because it had done its share of work:
  // call it again.
  [[nodiscard]] bool unfinished() const { return wire_.refused; }
  // A call has returned kError.
  [[nodiscard]] bool broken() const { return broken_; }
  // After kError: of the socket, or 0 if the protocol failed.
  [[nodiscard]] int socket_error() const { return wire_.error; }
  // After kError with no socket_error.
  [[nodiscard]] TlsFailure failure() const { return failure_; }

  // "TLSv1.3" and "TLS_AES_256_GCM_SHA384"; valid after the handshake, for the life of the stream.
  [[nodiscard]] const char* version() const;
  [[nodiscard]] const char* cipher() const;

  // Where OpenSSL reads and writes.
  struct Wire {
    SocketIo* io = nullptr;
    int fd = -1;
    int error = 0;
    bool ended = false;
    bool refused = false;            // a read, because reads_left was 0
    std::uint32_t reads_left = 0;    // in this call
    std::uint32_t idle_records = 0;  // received since the last payload
  };

 private:
  void Begin(SocketIo& io, int fd) noexcept;
  void BeginRead(SocketIo& io, int fd) noexcept;
  // What a call that returned `result` without success means.
  [[nodiscard]] IoStatus Explain(int result) noexcept;

  Wire wire_;
  SslHandle ssl_;
  bool wants_write_ = false;
  bool broken_ = false;
  bool ticket_sent_ = false;  // or queued, with the first Write
  TlsFailure failure_ = TlsFailure::kOther;
};

}  // namespace echogw
