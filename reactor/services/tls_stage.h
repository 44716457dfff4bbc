// The TLS stage of a session: handshake, payload over TLS, close_notify. Reactor's thread.
#pragma once

#include <memory>

#include "reactor/services/layered_io.h"
#include "reactor/services/tls_stream.h"

namespace echogw {

class TlsStage {
 public:
  // Null: the connection has no TLS.
  explicit TlsStage(std::unique_ptr<TlsStream> stream) : stream_(std::move(stream)) {}

  [[nodiscard]] bool enabled() const { return stream_ != nullptr; }
  [[nodiscard]] bool done() const { return !enabled() || state_ != State::kHandshake; }
  [[nodiscard]] bool ending() const { return state_ == State::kEnding; }
  // Null without TLS.
  [[nodiscard]] TlsStream* stream() const { return stream_.get(); }

  // Continues the handshake.
  [[nodiscard]] EchoResult Handshake(Connection& c, const EchoContext& context);
  // The deadline of the handshake has passed.
  void CountTimeout(const EchoContext& context);
  // What the result of a service over TLS means for the connection.
  [[nodiscard]] EchoResult After(EchoResult result, Connection& c, const EchoContext& context);
  // Sends close_notify: the client has ended its side, or a drain ends ours, and all is echoed. The
  // reactor sends FIN on a connection that closes and is idle.
  [[nodiscard]] EchoResult End(Connection& c, const EchoContext& context);

 private:
  enum class State : std::uint8_t { kHandshake, kReady, kEnding };

  const std::unique_ptr<TlsStream> stream_;
  State state_ = State::kHandshake;
};

// Payload in place of what is on the wire.
class TlsIo final : public LayeredIo {
 public:
  TlsIo(SocketIo& io, TlsStream& tls) : LayeredIo(io), tls_(tls) {}
  [[nodiscard]] IoResult Read(int fd, std::span<std::byte>& buffer) noexcept override {
    return tls_.Read(io_, fd, buffer);
  }
  [[nodiscard]] IoResult Write(int fd, std::span<const std::byte> from) noexcept override {
    return tls_.Write(io_, fd, from);
  }

 private:
  TlsStream& tls_;
};

}  // namespace echogw
