// What an address serves: the words in front of it, as in "proxy+discard@:7009".
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace echogw {

struct Connection;
struct EchoContext;
struct EchoResult;
struct Endpoint;

// What a banner says about the server.
struct ServerFacts {
  const std::string& instance;
  const std::string& host;
  std::uint32_t reactor = 0;
};

// What the turn of a service is given besides the connection.
struct ServiceCall {
  const ServerFacts& facts;
  const Endpoint& client;  // that a proxy speaks for; family 0: the peer of the socket
  bool tls = false;
  bool& mark;  // kept for the connection, for any use by the service; false at first
};

// A row of the table in service.cc.
struct ServiceMode {
  const char* word;
  // As EchoTurn to the end.
  EchoResult (*turn)(Connection& c, const EchoContext& context, const ServiceCall& call);
  bool speaks_first = false;  // it sends before the client does
  bool makes_output = false;  // what it sends is not what it received
};

// Echo, the default, is the first row.
[[nodiscard]] std::span<const ServiceMode> ServiceModes();
// Null if no row has this word.
[[nodiscard]] const ServiceMode* FindServiceMode(std::string_view word);
// "echo, discard, chargen, banner", for help and errors.
[[nodiscard]] std::string ServiceWords();

// Whether connections begin with a header of HAProxy's PROXY protocol, which names the client that
// a proxy speaks for.
enum class ProxyUse : std::uint8_t {
  kNone,      // a header is payload like any other
  kRequired,  // no service without one
  kOptional,  // by the first bytes; only where the client speaks first
};

struct Service {
  const ServiceMode* mode = ServiceModes().data();
  ProxyUse proxy = ProxyUse::kNone;
  bool tls = false;  // behind the PROXY header, if there is one

  // Echo and nothing else: such a connection needs no Session.
  [[nodiscard]] bool plain() const { return *this == Service{}; }
  // The words as a listen address has them, such as "proxy+tls+discard"; empty when plain.
  [[nodiscard]] std::string ToString() const;

  bool operator==(const Service&) const = default;
};

}  // namespace echogw
