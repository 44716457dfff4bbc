#include "reactor/services/tls_stage.h"

namespace echogw {
namespace {

void Count(const EchoContext& context, TlsFailure failure) {
  context.counters.tls_failures[static_cast<std::size_t>(failure)].Add(1);
}

}  // namespace

EchoResult TlsStage::Handshake(Connection& c, const EchoContext& context) {
  const IoStatus status = stream_->Handshake(context.io, c.fd);
  if (status == IoStatus::kOk) {
    context.counters.tls_handshakes.Add(1);
    state_ = State::kReady;
    return {EchoOutcome::kMore, {}};
  }
  if (stream_->unfinished()) return {EchoOutcome::kMore, {}};
  if (status == IoStatus::kWouldBlock) {
    return {stream_->wants_write() ? EchoOutcome::kBlocked : EchoOutcome::kIdle, {}};
  }
  if (status == IoStatus::kEof || stream_->socket_error() != 0) {
    Count(context, TlsFailure::kClosed);
    return {EchoOutcome::kClose, status == IoStatus::kEof
                                     ? CloseReason::kPeerClosed
                                     : CloseReasonFor(stream_->socket_error())};
  }
  Count(context, stream_->failure());
  return {EchoOutcome::kClose, CloseReason::kTlsError};
}

void TlsStage::CountTimeout(const EchoContext& context) { Count(context, TlsFailure::kTimedOut); }

EchoResult TlsStage::After(EchoResult result, Connection& c, const EchoContext& context) {
  if (result.outcome == EchoOutcome::kClose) {
    if (result.reason == CloseReason::kPeerClosed) return End(c, context);
    if (!stream_->broken() || stream_->socket_error() != 0) return result;
    Count(context, stream_->failure());
    return {EchoOutcome::kClose, CloseReason::kTlsError};
  }
  const bool waits =
      result.outcome == EchoOutcome::kIdle || result.outcome == EchoOutcome::kStalled;
  if (waits && stream_->unfinished()) return {EchoOutcome::kMore, {}};
  if (result.outcome != EchoOutcome::kIdle) return result;
  if (c.closing) return End(c, context);
  if (stream_->wants_write()) return {EchoOutcome::kBlocked, {}};
  return result;
}

EchoResult TlsStage::End(Connection& c, const EchoContext& context) {
  state_ = State::kEnding;
  if (stream_->SendEnd(context.io, c.fd) == IoStatus::kWouldBlock) {
    return {EchoOutcome::kBlocked, {}};
  }
  if (c.closing) return {EchoOutcome::kIdle, {}};
  return {EchoOutcome::kClose, CloseReason::kPeerClosed};
}

}  // namespace echogw
