// Sends one line that names the server and the client, then echoes:
// "echogw instance=a host=b reactor=1 cpu=3 connection=77 peer=1.2.3.4:5 local=5.6.7.8:9\n", with
// " proxied_by=9.9.9.9:1" before the end of the line if there is a proxy.
#pragma once

#include "reactor/services/echo.h"

namespace echogw {

// The mark is set once the line is out.
[[nodiscard]] EchoResult BannerService(Connection& c, const EchoContext& context,
                                       const ServiceCall& call);

}  // namespace echogw
