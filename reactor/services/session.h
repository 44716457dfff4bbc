// What a connection does that is more than plain echo: it may begin with a PROXY header and with
// TLS, and then it echoes, discards, makes characters, or says who serves it. Free of the loop, the
// poller and the table, as the echo is. Held by the connection's ColdState; reactor's thread.
//
//   header ──> TLS handshake (each if the address wants it) ──> ready: banner, if any, then service
//     └──────────┴── wrong, missing, too late: closed              └──> ending: close_notify,
//     closed
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "reactor/base/clock.h"
#include "reactor/net/endpoint.h"
#include "reactor/services/echo.h"
#include "reactor/services/proxy_protocol.h"
#include "reactor/services/service.h"
#include "reactor/services/tls_stream.h"

namespace echogw {

// What a banner tells of the server.
struct ServerFacts {
  const std::string& instance;
  const std::string& host;
  std::uint32_t reactor = 0;
};

class Session {
 public:
  // A header and a handshake that are due must be there by `deadline`. `tls` is null without.
  Session(const Service& service, Nanos deadline, std::unique_ptr<TlsStream> tls = nullptr)
      : service_(service), deadline_(deadline), tls_(std::move(tls)) {
    if (service.proxy == ProxyUse::kNone) stage_ = AfterHeader();
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  [[nodiscard]] const Service& service() const { return service_; }
  // Until header and handshake are there, there is no payload, and the client may not be known.
  [[nodiscard]] bool waiting() const { return stage_ == Stage::kHeader || stage_ == Stage::kTls; }
  [[nodiscard]] Nanos deadline() const { return deadline_; }
  // The server has something to say before it is spoken to.
  [[nodiscard]] bool speaks_first() const {
    return service_.mode == ServiceMode::kBanner || service_.mode == ServiceMode::kChargen;
  }
  // What it sends is not what came.
  [[nodiscard]] bool makes_output() const { return service_.mode == ServiceMode::kChargen; }
  // Null without TLS, and until its handshake is done.
  [[nodiscard]] const TlsStream* tls() const { return waiting() ? nullptr : tls_.get(); }
  // Whom the proxy speaks for; family 0 if the peer of the socket is the client itself.
  [[nodiscard]] const Endpoint& client() const { return client_; }

  // As EchoTurn to the end, for whatever is served.
  [[nodiscard]] EchoResult Turn(Connection& c, const EchoContext& context,
                                const ServerFacts& facts);

  // The deadline has passed while it waits. True: what came is taken for payload, so that another
  // turn is due. False: the connection is to be closed.
  [[nodiscard]] bool EndWaiting(const EchoContext& context);

  // Whether a watch has been told of the opening: not before the client is known.
  bool told = false;

 private:
  enum class Stage : std::uint8_t { kHeader, kTls, kReady, kEnding };

  [[nodiscard]] EchoResult ReadHeader(Connection& c, const EchoContext& context);
  [[nodiscard]] EchoResult EndOfInput(const EchoContext& context);
  [[nodiscard]] bool Judge(const ProxyHeader& header, const EchoContext& context);
  [[nodiscard]] Stage AfterHeader() const { return tls_ == nullptr ? Stage::kReady : Stage::kTls; }
  [[nodiscard]] EchoResult TlsTurn(Connection& c, const EchoContext& context,
                                   const ServerFacts& facts);
  [[nodiscard]] EchoResult Shake(Connection& c, const EchoContext& context);
  [[nodiscard]] EchoResult End(Connection& c, const EchoContext& context);
  [[nodiscard]] EchoResult Speak(Connection& c, const EchoContext& context,
                                 const ServerFacts& facts);
  [[nodiscard]] EchoResult Greet(Connection& c, const EchoContext& context,
                                 const ServerFacts& facts);
  [[nodiscard]] EchoResult Serve(Connection& c, const EchoContext& context);

  const Service service_;
  Stage stage_ = Stage::kHeader;
  bool greeted_ = false;
  // Of chargen by TLS: a record is half out, which must be completed before anything else is sent.
  bool mid_record_ = false;
  const Nanos deadline_;
  const std::unique_ptr<TlsStream> tls_;
  Endpoint client_;
  // While waiting, what came so far: at most kProxyV2BytesMax. Then the payload behind the header,
  // from early_begin_ on, until it is read.
  std::string early_;
  std::size_t early_begin_ = 0;
};

// "echogw instance=a host=b reactor=1 cpu=3 connection=77 peer=1.2.3.4:5 local=5.6.7.8:9\n", and in
// front of the line's end "proxied_by=9.9.9.9:1" if there is one.
[[nodiscard]] std::string BannerLine(const ServerFacts& facts, int cpu, const Connection& c,
                                     const Endpoint& client);

// RFC 863: reads and throws away, at most one turn's worth.
[[nodiscard]] EchoResult DiscardService(Connection& c, const EchoContext& context);

// RFC 864: throws away what comes, and writes characters until the client takes no more or the turn
// is used up. Ends with the client's FIN. While the connection closes nothing more is written,
// unless `mid_record`: then to the end of the lines once more. That is kept up to date.
[[nodiscard]] EchoResult ChargenService(Connection& c, const EchoContext& context,
                                        bool& mid_record);

}  // namespace echogw
