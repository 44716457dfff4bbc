#include "reactor/services/discard.h"

namespace echogw {
namespace {

EchoResult Discard(Connection& c, const EchoContext& context, bool count, CloseReason at_end) {
  for (std::size_t discarded = 0; discarded < context.turn_bytes;) {
    std::span<std::byte> buffer = context.scratch;
    const IoResult r = context.io.Read(c.fd, buffer);
    if (r.status != IoStatus::kOk) return NothingRead(r, at_end);
    discarded += ReadCost(r.bytes, context);
    if (count) CountRead(c, context, r.bytes);
  }
  return {EchoOutcome::kMore, {}};
}

}  // namespace

EchoResult DiscardService(Connection& c, const EchoContext& context, const ServiceCall& /*call*/) {
  return Discard(c, context, true, CloseReason::kPeerClosed);
}

EchoResult DiscardTurn(Connection& c, const EchoContext& context) {
  return Discard(c, context, false,
                 c.admin_closed ? CloseReason::kAdminClosed : CloseReason::kDrained);
}

}  // namespace echogw
