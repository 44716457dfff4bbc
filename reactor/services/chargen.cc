#include "reactor/services/chargen.h"

#include <array>

#include "reactor/services/discard.h"

namespace echogw {
namespace {

constexpr std::size_t kFirstGraphic = 0x20;
constexpr std::size_t kGraphics = 95;  // 0x20 to 0x7E
constexpr std::size_t kLineChars = 72;
constexpr std::size_t kLineBytes = kLineChars + 2;
// The lines repeat after as many as there are characters.
constexpr std::size_t kPeriod = kGraphics * kLineBytes;
// A write offers at most this many periods, and at least one less.
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

EchoResult ChargenService(Connection& c, const EchoContext& context, const ServiceCall& call) {
  bool& mid_record = call.mark;
  if (!call.tls) mid_record = false;
  const EchoResult discarded = DiscardService(c, context, call);
  if (discarded.outcome == EchoOutcome::kClose || (c.closing && !mid_record)) return discarded;
  // From the place in the period to the end of the lines: a write that is tried again has the same
  // bytes.
  for (std::size_t made = 0; made < context.turn_bytes;) {
    const auto rest = std::as_bytes(std::span(kLines)).subspan(c.sent_bytes % kPeriod);
    const IoResult w = context.io.Write(c.fd, rest);
    if (w.status == IoStatus::kError) return {EchoOutcome::kClose, CloseReasonFor(w.error)};
    if (w.bytes > 0) CountWrite(c, context, w.bytes);
    made += w.bytes;
    mid_record = w.bytes < rest.size();
    if (!mid_record && c.closing) return discarded;
    if (!mid_record) continue;
    // If the client sent more than one turn reads, another turn is due.
    return {discarded.outcome == EchoOutcome::kMore ? EchoOutcome::kMore : EchoOutcome::kStalled,
            {}};
  }
  return {EchoOutcome::kMore, {}};
}

}  // namespace echogw
