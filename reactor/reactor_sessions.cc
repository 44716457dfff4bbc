// Connections that are more than plain echo: how their sessions begin, take turns, move, and end
// when what comes before payload does not come in time.

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "reactor/base/check.h"
#include "reactor/reactor.h"
#include "reactor/reactor_internal.h"

namespace echogw {

void Reactor::BeginSession(Connection& c, Token token, const Service& service) {
  const Nanos deadline = now_ + options_.handshake_timeout.count();
  std::unique_ptr<TlsStream> tls;
  if (service.tls) {
    CHECK(deps_.tls != nullptr);  // an address with TLS is not listened on without
    SslHandle ssl = deps_.tls->NewServerSide();
    if (ssl == nullptr) return CloseConnection(c, token, CloseReason::kTlsError);  // no memory
    tls = std::make_unique<TlsStream>(std::move(ssl));
  }
  ColdState& extra = ColdFor(token);
  extra.session = std::make_unique<Session>(service, deadline, std::move(tls));
  const Session& session = *extra.session;
  if (session.waiting()) return AwaitHandshake(token, deadline);
  TellOpened(c, token.index);
  // Nobody may send anything that would lead to a first turn.
  if (session.speaks_first()) Enqueue(c, token);
}

// It has just moved here, and the poller is about to watch it. A reactor before may have left it
// with a turn that is due: to be writable leads to one.
void Reactor::ResumeSession(Connection& c, Token token) {
  const Session* session = table_.ColdOf(token.index)->session.get();
  if (session == nullptr) return;
  c.watch_write = true;
  if (session->waiting()) AwaitHandshake(token, session->deadline());
}

EchoResult Reactor::SessionTurn(Connection& c, Token token, Session& session,
                                const EchoContext& context) {
  if (c.queued) return {EchoOutcome::kMore, {}};  // its turn comes in this turn of the loop
  const bool waited = session.waiting();
  const ServerFacts facts{options_.instance, options_.host, options_.id};
  const EchoResult result = session.Turn(c, context, facts);
  if (waited && !session.waiting()) {
    TellOpened(c, token.index);
    if (deps_.log.Enabled(LogLevel::kDebug)) {
      deps_.log.Write(LogLevel::kDebug,
                      absl::StrCat("reactor ", options_.id, " serves ",
                                   RecordOf(c, token.index).peer.ToString(), " on fd ", c.fd));
    }
  }
  return result;
}

void Reactor::TellOpened(Connection& c, std::uint32_t index) {
  Session* session = table_.ColdOf(index)->session.get();
  if (session == nullptr || std::exchange(session->told, true) || !deps_.events.watched()) return;
  Tell(c, index, true, CloseReason::kPeerClosed);
}

void Reactor::AwaitHandshake(Token token, Nanos deadline) {
  handshakes_.emplace(deadline, token.Pack());
  next_handshake_at_ = std::min(next_handshake_at_, deadline);
}

void Reactor::EndHandshakes() {
  while (!handshakes_.empty() && handshakes_.top().first <= now_) {
    const Token token = Token::Unpack(handshakes_.top().second);
    handshakes_.pop();
    Connection* c = table_.Find(token);
    if (c == nullptr || c->fin_sent) continue;
    Session& session = *table_.ColdOf(token.index)->session;
    if (!session.waiting()) continue;
    if (session.EndWaiting(echo_)) {
      TellOpened(*c, token.index);
      Settle(*c, token, SessionTurn(*c, token, session, echo_));
    } else {
      CloseConnection(*c, token, CloseReason::kHandshakeTimeout);
    }
  }
  next_handshake_at_ = handshakes_.empty() ? kNever : handshakes_.top().first;
}

}  // namespace echogw
