// The first stage of a session: reads the PROXY header, if the address has one, and keeps what
// arrived behind it for the stages that follow. Reactor's thread.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>

#include "reactor/net/endpoint.h"
#include "reactor/service.h"
#include "reactor/services/layered_io.h"
#include "reactor/services/proxy_protocol.h"

namespace echogw {

class ProxyStage {
 public:
  // What it knows, to go on in another process: the client once it is done, and what has arrived:
  // of the header until then, afterwards payload.
  struct State {
    bool done = false;
    Endpoint client;
    std::string early;
  };

  explicit ProxyStage(ProxyUse use) : use_(use), done_(use == ProxyUse::kNone) {}
  ProxyStage(ProxyUse use, State state)
      : use_(use), done_(state.done), client_(state.client), early_(std::move(state.early)) {}

  [[nodiscard]] ProxyUse use() const { return use_; }
  [[nodiscard]] State Save() const { return {done_, client_, early_.substr(begin_)}; }

  // The header has been read, or there is none.
  [[nodiscard]] bool done() const { return done_; }
  // The client that the proxy speaks for; family 0 if it is the peer of the socket.
  [[nodiscard]] const Endpoint& client() const { return client_; }

  // Reads until it is done.
  [[nodiscard]] EchoResult Turn(Connection& c, const EchoContext& context);
  // The deadline has passed. True: what has arrived is payload. False: close the connection.
  [[nodiscard]] bool EndWaiting(const EchoContext& context);

  // Payload that arrived with the header, and is read before what the kernel has.
  [[nodiscard]] bool has_payload() const { return begin_ < early_.size(); }
  [[nodiscard]] std::size_t TakePayload(std::span<std::byte> into);

 private:
  [[nodiscard]] EchoResult OnEof(const EchoContext& context);
  // Whether service begins.
  [[nodiscard]] bool Accepts(const ProxyHeader& header, const EchoContext& context);

  const ProxyUse use_;
  bool done_;
  Endpoint client_;
  // Until done, what has arrived: at most kProxyV2BytesMax. Then payload, from begin_ on.
  std::string early_;
  std::size_t begin_ = 0;
};

// The payload of a ProxyStage, then what the layer below reads.
class ReplayIo final : public LayeredIo {
 public:
  ReplayIo(SocketIo& io, ProxyStage& proxy) : LayeredIo(io), proxy_(proxy) {}
  [[nodiscard]] IoResult Read(int fd, std::span<std::byte>& buffer) noexcept override {
    if (!proxy_.has_payload()) return io_.Read(fd, buffer);
    return {IoStatus::kOk, proxy_.TakePayload(buffer), 0};
  }

 private:
  ProxyStage& proxy_;
};

}  // namespace echogw
