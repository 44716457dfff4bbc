#include "reactor/sessions.h"

#include <memory>
#include <utility>

#include "reactor/base/check.h"

namespace echogw {

namespace {

// A step of a TLS handshake may sign, which takes as long as so many reads: 0.2 ms to 1 ms.
constexpr std::uint64_t kHandshakeReads = 32;

}  // namespace

bool Sessions::Begin(Connection& c, Token token, const Service& service) {
  std::unique_ptr<TlsStream> tls;
  if (service.tls) {
    CHECK(context_.deps.tls != nullptr);  // no listener has TLS without it
    SslHandle ssl = context_.deps.tls->NewServerSide();
    if (ssl == nullptr) {
      host_.Close(c, token, CloseReason::kTlsError, false);
      return false;
    }
    tls = std::make_unique<TlsStream>(std::move(ssl));
  }
  ColdState& cold = context_.table.EnsureCold(token);
  cold.session = std::make_unique<Session>(
      service, context_.now + context_.options.handshake_timeout.count(), std::move(tls));
  if (cold.session->waiting()) return true;
  lister_.TellOpened(c, token.index);
  // The client may never send anything that would lead to a first turn.
  if (cold.session->mode().speaks_first) host_.Enqueue(c, token);
  return true;
}

EchoResult Sessions::Turn(Connection& c, Token token, Session& session,
                          const EchoContext& context) {
  if (c.queued) return {EchoOutcome::kMore, {}};  // it runs later in this turn of the loop
  const bool waited = session.waiting();
  if (waited) context_.handshake_work += kHandshakeReads;
  const ReactorOptions& options = context_.options;
  const EchoResult result =
      session.Turn(c, context, ServerFacts{options.instance, options.host, options.id});
  if (waited && !session.waiting()) {
    lister_.TellOpened(c, token.index);
    if (context_.deps.log.Enabled(LogLevel::kDebug)) {
      context_.Log(LogLevel::kDebug, "serves ", lister_.RecordOf(c, token.index).peer.ToString(),
                   " on fd ", c.fd);
    }
  }
  return result;
}

Nanos Sessions::DeadlineOf(const Connection& c, const ColdState& cold) {
  const bool waiting = cold.session != nullptr && cold.session->waiting() && !c.fin_sent;
  return waiting ? cold.session->deadline() : kNever;
}

void Sessions::EndHandshake(Connection& c, Token token) {
  if (!context_.table.ColdOf(token.index)->session->EndWaiting(context_.echo)) {
    return host_.Close(c, token, CloseReason::kHandshakeTimeout, false);
  }
  lister_.TellOpened(c, token.index);
  host_.RunTurn(c, token);
}

}  // namespace echogw
