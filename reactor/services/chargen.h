// RFC 864: drops what the client sends, and writes characters until the client takes no more or the
// turn is used up. Ends with the client's FIN.
#pragma once

#include "reactor/services/echo.h"

namespace echogw {

// Over TLS the mark is set while a record is half out: it has to be completed before anything else
// is sent, even if the connection is closing.
[[nodiscard]] EchoResult ChargenService(Connection& c, const EchoContext& context,
                                        const ServiceCall& call);

}  // namespace echogw
