#include "reactor/services/session.h"

#include "reactor/base/check.h"

namespace echogw {

EchoResult Session::Turn(Connection& c, const EchoContext& context, const ServerFacts& facts) {
  if (!proxy_.done()) {
    const EchoResult result = proxy_.Turn(c, context);
    if (!proxy_.done()) return result;
  }
  if (!proxy_.has_payload()) return TurnPastProxy(c, context, facts);
  ReplayIo replay(context.io, proxy_);
  return TurnPastProxy(c, Over(replay, context), facts);
}

EchoResult Session::TurnPastProxy(Connection& c, const EchoContext& context,
                                  const ServerFacts& facts) {
  const ServiceCall call{facts, client(), tls_.enabled(), mark_};
  if (!tls_.enabled()) return mode_.turn(c, context, call);
  if (!tls_.done()) {
    const EchoResult result = tls_.Handshake(c, context);
    if (!tls_.done()) return result;
  }
  if (tls_.ending()) return tls_.End(c, context);
  TlsIo io(context.io, *tls_.stream());
  return tls_.After(mode_.turn(c, Over(io, context), call), c, context);
}

bool Session::EndWaiting(const EchoContext& context) {
  CHECK(waiting());
  if (!proxy_.done() && !proxy_.EndWaiting(context)) return false;
  if (!tls_.enabled()) return true;
  tls_.CountTimeout(context);  // the deadline is that of the handshake, too
  return false;
}

}  // namespace echogw
