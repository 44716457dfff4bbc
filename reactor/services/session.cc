#include "reactor/services/session.h"

#include <sched.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "reactor/base/check.h"

namespace echogw {
namespace {

std::span<const std::byte> AsBytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

void Count(const EchoContext& context, ProxyOutcome outcome) {
  context.counters.proxy_headers[static_cast<std::size_t>(outcome)].Add(1);
}

void Count(const EchoContext& context, TlsFailure failure) {
  context.counters.tls_failures[static_cast<std::size_t>(failure)].Add(1);
}

EchoContext Over(SocketIo& io, const EchoContext& context) {
  return {
      io, context.pool, context.counters, context.scratch, context.turn_bytes, context.transform};
}

// Payload in place of what is on the wire.
class TlsIo final : public SocketIo {
 public:
  TlsIo(SocketIo& io, TlsStream& tls) : io_(io), tls_(tls) {}

  [[nodiscard]] IoResult Read(int fd, std::span<std::byte>& buffer) noexcept override {
    return tls_.Read(io_, fd, buffer);
  }
  [[nodiscard]] IoResult Write(int fd, std::span<const std::byte> from) noexcept override {
    return tls_.Write(io_, fd, from);
  }
  [[nodiscard]] AcceptResult Accept(int listener) noexcept override { return io_.Accept(listener); }
  void ShutdownWrite(int fd) noexcept override { io_.ShutdownWrite(fd); }
  void Close(int fd) noexcept override { io_.Close(fd); }
  void Reset(int fd) noexcept override { io_.Reset(fd); }

 private:
  SocketIo& io_;
  TlsStream& tls_;
};

// What was read together with a header comes before what the kernel has.
class ReplayIo final : public SocketIo {
 public:
  ReplayIo(SocketIo& io, std::string& early, std::size_t& begin)
      : io_(io), early_(early), begin_(begin) {}

  [[nodiscard]] IoResult Read(int fd, std::span<std::byte>& buffer) noexcept override {
    const std::size_t n = std::min(buffer.size(), early_.size() - begin_);
    if (n == 0) return io_.Read(fd, buffer);
    std::memcpy(buffer.data(), early_.data() + begin_, n);
    begin_ += n;
    return {IoStatus::kOk, n, 0};
  }
  [[nodiscard]] IoResult Write(int fd, std::span<const std::byte> from) noexcept override {
    return io_.Write(fd, from);
  }
  [[nodiscard]] AcceptResult Accept(int listener) noexcept override { return io_.Accept(listener); }
  void ShutdownWrite(int fd) noexcept override { io_.ShutdownWrite(fd); }
  void Close(int fd) noexcept override { io_.Close(fd); }
  void Reset(int fd) noexcept override { io_.Reset(fd); }

 private:
  SocketIo& io_;
  std::string& early_;
  std::size_t& begin_;
};

// ---- chargen ----

constexpr std::size_t kFirstGraphic = 0x20;
constexpr std::size_t kGraphics = 95;  // 0x20 to 0x7E
constexpr std::size_t kLineChars = 72;
constexpr std::size_t kLineBytes = kLineChars + 2;
// After as many lines as there are characters it begins anew.
constexpr std::size_t kPeriod = kGraphics * kLineBytes;
// A write offers up to so many times that, and at least one time less.
constexpr std::size_t kPeriods = 5;
constexpr std::size_t kLinesBytes = kPeriod * kPeriods;

constexpr std::array<char, kLinesBytes> MakeLines() {
  std::array<char, kLinesBytes> out{};
  for (std::size_t line = 0; line < kGraphics * kPeriods; ++line) {
    const std::size_t at = line * kLineBytes;
    for (std::size_t i = 0; i < kLineChars; ++i) {
      out[at + i] = static_cast<char>(kFirstGraphic + (line + i) % kGraphics);
    }
    out[at + kLineChars] = '\r';
    out[at + kLineChars + 1] = '\n';
  }
  return out;
}

constexpr std::array<char, kLinesBytes> kLines = MakeLines();

}  // namespace

EchoResult Session::Turn(Connection& c, const EchoContext& context, const ServerFacts& facts) {
  if (stage_ == Stage::kHeader) {
    const EchoResult result = ReadHeader(c, context);
    if (stage_ == Stage::kHeader) return result;
  }
  if (early_begin_ == early_.size()) return TlsTurn(c, context, facts);
  ReplayIo replay(context.io, early_, early_begin_);
  const EchoResult result = TlsTurn(c, Over(replay, context), facts);
  if (early_begin_ == early_.size()) {
    std::string().swap(early_);
    early_begin_ = 0;
  }
  return result;
}

EchoResult Session::TlsTurn(Connection& c, const EchoContext& context, const ServerFacts& facts) {
  if (tls_ == nullptr) return Speak(c, context, facts);
  if (stage_ == Stage::kTls) {
    const EchoResult result = Shake(c, context);
    if (stage_ == Stage::kTls) return result;
  }
  if (stage_ == Stage::kEnding) return End(c, context);
  TlsIo io(context.io, *tls_);
  const EchoResult result = Speak(c, Over(io, context), facts);
  switch (result.outcome) {
    case EchoOutcome::kClose:
      if (result.reason == CloseReason::kPeerClosed) return End(c, context);
      if (!tls_->broken() || tls_->socket_error() != 0) return result;
      Count(context, tls_->failure());
      return {EchoOutcome::kClose, CloseReason::kTlsError};
    case EchoOutcome::kIdle:
      if (c.closing) return End(c, context);
      if (tls_->wants_write()) return {EchoOutcome::kBlocked, {}};
      return result;
    default:
      return result;
  }
}

EchoResult Session::Shake(Connection& c, const EchoContext& context) {
  switch (tls_->Shake(context.io, c.fd)) {
    case IoStatus::kOk:
      context.counters.tls_handshakes.Add(1);
      stage_ = Stage::kReady;
      return {EchoOutcome::kMore, {}};
    case IoStatus::kWouldBlock:
      return {tls_->wants_write() ? EchoOutcome::kBlocked : EchoOutcome::kIdle, {}};
    case IoStatus::kEof:
      Count(context, TlsFailure::kClosed);
      return {EchoOutcome::kClose, CloseReason::kPeerClosed};
    case IoStatus::kQueued:  // a handshake is no payload
    case IoStatus::kError:
      break;
  }
  if (tls_->socket_error() != 0) {
    Count(context, TlsFailure::kClosed);
    return {EchoOutcome::kClose, CloseReasonFor(tls_->socket_error())};
  }
  Count(context, tls_->failure());
  return {EchoOutcome::kClose, CloseReason::kTlsError};
}

// The client has ended its side, or a drain ends ours, and all is echoed: close_notify, then FIN,
// which the reactor sends to a connection that closes and is idle.
EchoResult Session::End(Connection& c, const EchoContext& context) {
  stage_ = Stage::kEnding;
  if (tls_->SendEnd(context.io, c.fd) == IoStatus::kWouldBlock) return {EchoOutcome::kBlocked, {}};
  if (c.closing) return {EchoOutcome::kIdle, {}};
  return {EchoOutcome::kClose, CloseReason::kPeerClosed};
}

EchoResult Session::Speak(Connection& c, const EchoContext& context, const ServerFacts& facts) {
  if (service_.mode == ServiceMode::kBanner && !greeted_) {
    const EchoResult result = Greet(c, context, facts);
    if (result.outcome != EchoOutcome::kIdle) return result;
  }
  return Serve(c, context);
}

EchoResult Session::ReadHeader(Connection& c, const EchoContext& context) {
  for (;;) {
    const std::size_t room = kProxyV2BytesMax - early_.size();
    CHECK(room > 0);  // a header of that size is one, or is too long
    auto into = context.scratch.first(std::min(room, context.scratch.size()));
    const IoResult r = context.io.Read(c.fd, into);
    switch (r.status) {
      case IoStatus::kOk:
      case IoStatus::kQueued:
        break;
      case IoStatus::kWouldBlock:
        return {EchoOutcome::kIdle, {}};
      case IoStatus::kEof:
        return EndOfInput(context);
      case IoStatus::kError:
        return {EchoOutcome::kClose, CloseReasonFor(r.error)};
    }
    const void* data = into.data();
    early_.append(static_cast<const char*>(data), r.bytes);
    const ProxyHeader header = ParseProxyHeader(AsBytes(early_));
    if (header.status == ProxyStatus::kNeedMore) continue;
    if (!Judge(header, context)) return {EchoOutcome::kClose, CloseReason::kProxyHeader};
    stage_ = AfterHeader();
    return {EchoOutcome::kMore, {}};
  }
}

// True if service begins.
bool Session::Judge(const ProxyHeader& header, const EchoContext& context) {
  switch (header.status) {
    case ProxyStatus::kNeedMore:
      break;
    case ProxyStatus::kHeader:
      Count(context, header.local          ? ProxyOutcome::kLocal
                     : header.version == 1 ? ProxyOutcome::kV1
                                           : ProxyOutcome::kV2);
      client_ = header.source;
      early_begin_ = header.bytes;
      return true;
    case ProxyStatus::kMissing:
      if (service_.proxy == ProxyUse::kOptional) {
        Count(context, ProxyOutcome::kAbsent);
        return true;
      }
      Count(context, ProxyOutcome::kMissing);
      return false;
    case ProxyStatus::kMalformed:
      Count(context, ProxyOutcome::kMalformed);
      return false;
    case ProxyStatus::kTooLong:
      Count(context, ProxyOutcome::kTooLong);
      return false;
    case ProxyStatus::kChecksum:
      Count(context, ProxyOutcome::kChecksum);
      return false;
  }
  return false;
}

// FIN before the end of a header.
EchoResult Session::EndOfInput(const EchoContext& context) {
  const bool certain = ParseProxyHeader(AsBytes(early_)).certain;
  if (service_.proxy == ProxyUse::kOptional && !certain) {
    Count(context, ProxyOutcome::kAbsent);
    stage_ = AfterHeader();
    return {EchoOutcome::kMore, {}};
  }
  // Who only looks whether the port is open has not tried to be served.
  if (early_.empty()) return {EchoOutcome::kClose, CloseReason::kPeerClosed};
  Count(context, certain ? ProxyOutcome::kMalformed : ProxyOutcome::kMissing);
  return {EchoOutcome::kClose, CloseReason::kProxyHeader};
}

bool Session::EndWaiting(const EchoContext& context) {
  CHECK(waiting());
  if (stage_ == Stage::kTls) {
    Count(context, TlsFailure::kTimedOut);
    return false;
  }
  const bool certain = ParseProxyHeader(AsBytes(early_)).certain;
  if (service_.proxy == ProxyUse::kRequired || certain) {
    Count(context, ProxyOutcome::kTimedOut);
    return false;
  }
  Count(context, ProxyOutcome::kAbsent);
  if (tls_ != nullptr) {  // the deadline is that of the handshake, too
    Count(context, TlsFailure::kTimedOut);
    return false;
  }
  stage_ = AfterHeader();
  return true;
}

EchoResult Session::Greet(Connection& c, const EchoContext& context, const ServerFacts& facts) {
  greeted_ = true;
  const std::string line = BannerLine(facts, ::sched_getcpu(), c, client_);
  return WriteOrHold(c, context, AsBytes(line));
}

EchoResult Session::Serve(Connection& c, const EchoContext& context) {
  switch (service_.mode) {
    case ServiceMode::kEcho:
    case ServiceMode::kBanner:
      return EchoTurn(c, true, context);
    case ServiceMode::kDiscard:
      return DiscardService(c, context);
    case ServiceMode::kChargen:
      if (tls_ == nullptr) mid_record_ = false;
      return ChargenService(c, context, mid_record_);
  }
  return {EchoOutcome::kIdle, {}};
}

std::string BannerLine(const ServerFacts& facts, int cpu, const Connection& c,
                       const Endpoint& client) {
  const Endpoint peer = PeerOf(c.fd);
  std::string line = absl::StrCat("echogw instance=", facts.instance, " host=", facts.host,
                                  " reactor=", facts.reactor, " cpu=", cpu, " connection=", c.id,
                                  " peer=", (client.family == 0 ? peer : client).ToString(),
                                  " local=", LocalNameOf(c.fd));
  if (client.family != 0) absl::StrAppend(&line, " proxied_by=", peer.ToString());
  return absl::StrCat(line, "\n");
}

EchoResult DiscardService(Connection& c, const EchoContext& context) {
  for (std::size_t discarded = 0; discarded < context.turn_bytes;) {
    std::span<std::byte> buffer = context.scratch;
    const IoResult r = context.io.Read(c.fd, buffer);
    switch (r.status) {
      case IoStatus::kOk:
      case IoStatus::kQueued:
        discarded += r.bytes;
        CountRead(c, context, r.bytes);
        break;
      case IoStatus::kWouldBlock:
        return {EchoOutcome::kIdle, {}};
      case IoStatus::kEof:
        return {EchoOutcome::kClose, CloseReason::kPeerClosed};
      case IoStatus::kError:
        return {EchoOutcome::kClose, CloseReasonFor(r.error)};
    }
  }
  return {EchoOutcome::kMore, {}};
}

EchoResult ChargenService(Connection& c, const EchoContext& context, bool& mid_record) {
  const EchoResult discarded = DiscardService(c, context);
  if (discarded.outcome == EchoOutcome::kClose || (c.closing && !mid_record)) return discarded;
  // From its place in the period to the end of the lines, so that a write that is tried again is of
  // the same bytes.
  for (std::size_t made = 0; made < context.turn_bytes;) {
    const auto rest = std::as_bytes(std::span(kLines)).subspan(c.sent_bytes % kPeriod);
    const IoResult w = context.io.Write(c.fd, rest);
    if (w.status == IoStatus::kError) return {EchoOutcome::kClose, CloseReasonFor(w.error)};
    if (w.bytes > 0) CountWrite(c, context, w.bytes);
    made += w.bytes;
    mid_record = w.bytes < rest.size();
    if (!mid_record && c.closing) return discarded;
    if (!mid_record) continue;
    // What it sends is not looked at any more than before: with much of it another turn is due.
    return {discarded.outcome == EchoOutcome::kMore ? EchoOutcome::kMore : EchoOutcome::kStalled,
            {}};
  }
  return {EchoOutcome::kMore, {}};
}

}  // namespace echogw
