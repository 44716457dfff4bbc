// RFC 863: reads and drops what a client sends, at most one turn's worth.
#pragma once

#include "reactor/services/echo.h"

namespace echogw {

[[nodiscard]] EchoResult DiscardService(Connection& c, const EchoContext& context,
                                        const ServiceCall& call);

// After our FIN, for any service: what is dropped is not counted as received. kClose once the
// client has sent its FIN or is gone.
[[nodiscard]] EchoResult DiscardTurn(Connection& c, const EchoContext& context);

}  // namespace echogw
