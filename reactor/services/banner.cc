#include "reactor/services/banner.h"

#include <sched.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "reactor/net/endpoint.h"

namespace echogw {
namespace {

std::string BannerLine(const Connection& c, const ServiceCall& call) {
  const Endpoint peer = PeerOf(c.fd);
  const bool proxied = call.client.family != 0;
  return absl::StrCat("echogw instance=", call.facts.instance, " host=", call.facts.host,
                      " reactor=", call.facts.reactor, " cpu=", ::sched_getcpu(),
                      " connection=", c.id, " peer=", (proxied ? call.client : peer).ToString(),
                      " local=", LocalNameOf(c.fd), proxied ? " proxied_by=" : "",
                      proxied ? peer.ToString() : "", "\n");
}

}  // namespace

EchoResult BannerService(Connection& c, const EchoContext& context, const ServiceCall& call) {
  if (!std::exchange(call.mark, true)) {
    const std::string line = BannerLine(c, call);
    const EchoResult result = WriteOrHold(c, context, std::as_bytes(std::span(line)));
    if (result.outcome != EchoOutcome::kIdle) return result;
  }
  return EchoTurn(c, true, context);
}

}  // namespace echogw
