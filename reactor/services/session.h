// A connection that is more than plain echo, as a pipeline of stages. It knows nothing of the loop,
// the poller or the table. Held by the connection's ColdState; reactor's thread.
//
//   PROXY header ──> TLS ──> service
//
// The first two are optional. A connection whose header or handshake is wrong or late is closed.
#pragma once

#include <memory>
#include <utility>

#include "reactor/base/clock.h"
#include "reactor/service.h"
#include "reactor/services/proxy_stage.h"
#include "reactor/services/tls_stage.h"

namespace echogw {

// A session without TLS, to go on in another process.
struct SessionState {
  Service service;
  Nanos deadline = 0;
  ProxyStage::State proxy;
  bool told = false;
  bool mark = false;
};

class Session {
 public:
  // A header and a handshake have to be complete by `deadline`. `tls` is null without TLS.
  Session(const Service& service, Nanos deadline, std::unique_ptr<TlsStream> tls = nullptr)
      : mode_(*service.mode), deadline_(deadline), proxy_(service.proxy), tls_(std::move(tls)) {}
  explicit Session(SessionState state)
      : told(state.told),
        mode_(*state.service.mode),
        deadline_(state.deadline),
        proxy_(state.service.proxy, std::move(state.proxy)),
        tls_(nullptr),
        mark_(state.mark) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Whether another process could go on with it.
  [[nodiscard]] bool portable() const { return !tls_.enabled(); }
  [[nodiscard]] SessionState Save() const {
    return {Service{&mode_, proxy_.use(), tls_.enabled()}, deadline_, proxy_.Save(), told, mark_};
  }

  [[nodiscard]] const ServiceMode& mode() const { return mode_; }
  // Until header and handshake are complete there is no payload, and the client may be unknown.
  [[nodiscard]] bool waiting() const { return !proxy_.done() || !tls_.done(); }
  [[nodiscard]] Nanos deadline() const { return deadline_; }
  // Null without TLS, and until its handshake is complete.
  [[nodiscard]] const TlsStream* tls() const { return waiting() ? nullptr : tls_.stream(); }
  // The client that the proxy speaks for; family 0 if it is the peer of the socket.
  [[nodiscard]] const Endpoint& client() const { return proxy_.client(); }

  // As EchoTurn to the end.
  [[nodiscard]] EchoResult Turn(Connection& c, const EchoContext& context,
                                const ServerFacts& facts);

  // The deadline has passed while it waits. True: what has arrived is payload, and another turn is
  // due. False: close the connection.
  [[nodiscard]] bool EndWaiting(const EchoContext& context);

  // Whether watchers were told that it opened: not before the client is known.
  bool told = false;

 private:
  // TLS and what follows it.
  [[nodiscard]] EchoResult TurnPastProxy(Connection& c, const EchoContext& context,
                                         const ServerFacts& facts);

  const ServiceMode& mode_;
  const Nanos deadline_;
  ProxyStage proxy_;
  TlsStage tls_;
  bool mark_ = false;  // ServiceCall::mark
};

}  // namespace echogw
