// What is served at a listen address: words in front of it, as in "proxy+discard@:7009". A value.
#pragma once

#include <cstdint>
#include <string>

namespace echogw {

enum class ServiceMode : std::uint8_t {
  kEcho,     // RFC 862
  kDiscard,  // RFC 863: what comes is thrown away
  kChargen,  // RFC 864: characters without end; what comes is thrown away
  kBanner,   // a line that says who serves whom, then echo
};

// Whether connections begin with a header of HAProxy's PROXY protocol, which names the client that
// a proxy speaks for.
enum class ProxyUse : std::uint8_t {
  kNone,      // a header is payload like any other
  kRequired,  // no service without one
  kOptional,  // by the first bytes; only where the client speaks first
};

struct Service {
  ServiceMode mode = ServiceMode::kEcho;
  ProxyUse proxy = ProxyUse::kNone;
  bool tls = false;  // behind the PROXY header, if there is one

  // Echo and nothing else: such a connection needs no Session.
  [[nodiscard]] bool plain() const {
    return mode == ServiceMode::kEcho && proxy == ProxyUse::kNone && !tls;
  }
  // The words as a listen address has them, such as "proxy+tls+discard"; empty when plain.
  [[nodiscard]] std::string ToString() const;

  bool operator==(const Service&) const = default;
};

[[nodiscard]] const char* ServiceModeName(ServiceMode mode);

}  // namespace echogw
