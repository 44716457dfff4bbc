#include "reactor/services/proxy_stage.h"

#include <algorithm>
#include <cstring>

#include "reactor/base/check.h"

namespace echogw {
namespace {

void Count(const EchoContext& context, ProxyOutcome outcome) {
  context.counters.proxy_headers[static_cast<std::size_t>(outcome)].Add(1);
}

ProxyHeader Parse(const std::string& text) {
  return ParseProxyHeader(std::as_bytes(std::span(text)));
}

ProxyOutcome OutcomeOf(const ProxyHeader& header) {
  switch (header.status) {
    case ProxyStatus::kHeader:
      if (header.local) return ProxyOutcome::kLocal;
      return header.version == 1 ? ProxyOutcome::kV1 : ProxyOutcome::kV2;
    case ProxyStatus::kMissing:
      return ProxyOutcome::kMissing;
    case ProxyStatus::kTooLong:
      return ProxyOutcome::kTooLong;
    case ProxyStatus::kChecksum:
      return ProxyOutcome::kChecksum;
    case ProxyStatus::kMalformed:
    case ProxyStatus::kNeedMore:
      break;
  }
  return ProxyOutcome::kMalformed;
}

}  // namespace

EchoResult ProxyStage::Turn(Connection& c, const EchoContext& context) {
  for (std::size_t reads = 0; reads < kTurnReads; ++reads) {
    const std::size_t room = kProxyV2BytesMax - early_.size();
    CHECK(room > 0);  // a header of that size is complete, or too long
    auto into = context.scratch.first(std::min(room, context.scratch.size()));
    const IoResult r = context.io.Read(c.fd, into);
    if (r.status == IoStatus::kEof) return OnEof(context);
    if (r.status != IoStatus::kOk) return NothingRead(r, CloseReason::kPeerClosed);
    const void* data = into.data();
    early_.append(static_cast<const char*>(data), r.bytes);
    const ProxyHeader header = Parse(early_);
    if (header.status == ProxyStatus::kNeedMore) continue;
    if (!Accepts(header, context)) return {EchoOutcome::kClose, CloseReason::kProxyHeader};
    done_ = true;
    break;
  }
  return {EchoOutcome::kMore, {}};
}

bool ProxyStage::Accepts(const ProxyHeader& header, const EchoContext& context) {
  const bool absent = header.status == ProxyStatus::kMissing && use_ == ProxyUse::kOptional;
  Count(context, absent ? ProxyOutcome::kAbsent : OutcomeOf(header));
  client_ = header.source;
  begin_ = header.bytes;
  return absent || header.status == ProxyStatus::kHeader;
}

// FIN before the end of a header.
EchoResult ProxyStage::OnEof(const EchoContext& context) {
  const bool certain = Parse(early_).certain;
  if (use_ == ProxyUse::kOptional && !certain) {
    Count(context, ProxyOutcome::kAbsent);
    done_ = true;
    return {EchoOutcome::kMore, {}};
  }
  // A probe of the port sends nothing and is not an error.
  if (early_.empty()) return {EchoOutcome::kClose, CloseReason::kPeerClosed};
  Count(context, certain ? ProxyOutcome::kMalformed : ProxyOutcome::kMissing);
  return {EchoOutcome::kClose, CloseReason::kProxyHeader};
}

bool ProxyStage::EndWaiting(const EchoContext& context) {
  const bool refused = use_ == ProxyUse::kRequired || Parse(early_).certain;
  Count(context, refused ? ProxyOutcome::kTimedOut : ProxyOutcome::kAbsent);
  done_ = !refused;
  return done_;
}

std::size_t ProxyStage::TakePayload(std::span<std::byte> into) {
  const std::size_t n = std::min(into.size(), early_.size() - begin_);
  std::memcpy(into.data(), early_.data() + begin_, n);
  begin_ += n;
  if (has_payload()) return n;
  std::string().swap(early_);
  begin_ = 0;
  return n;
}

}  // namespace echogw
