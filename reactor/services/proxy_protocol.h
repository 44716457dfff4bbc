// The header of HAProxy's PROXY protocol, versions 1 and 2, which names the client that a proxy
// opens a connection for. A pure function over the bytes received so far: more bytes never change
// what fewer have decided. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "reactor/net/endpoint.h"

namespace echogw {

// A line of version 1 has at most this many bytes with its CR LF.
inline constexpr std::size_t kProxyV1BytesMax = 107;
// Of version 2 as many as its 16-bit length allows. The addresses take 216 at most; the rest are
// TLVs, of which a chain of certificates may have tens of kilobytes.
inline constexpr std::size_t kProxyV2BytesMax = 16 + 65535;

enum class ProxyStatus : std::uint8_t {
  kNeedMore,   // a header so far, but not all of it
  kHeader,     // a whole one
  kMissing,    // the first bytes are of no header
  kMalformed,  // a header that breaks a rule
  kTooLong,    // version 1: longer than the limit above
  kChecksum,   // its CRC32C is not that of its bytes
};

struct ProxyHeader {
  ProxyStatus status = ProxyStatus::kNeedMore;
  // kNeedMore: the signature is complete, so these bytes cannot be payload.
  bool certain = false;
  // The rest is of kHeader.
  std::size_t bytes = 0;  // of the header; payload begins behind
  std::uint8_t version = 0;
  // The proxy connects for itself, such as for a health check: the socket has the endpoints.
  bool local = false;
  // The client and the address it connected to; family 0 when the proxy does not know or they are
  // not of TCP.
  Endpoint source;
  Endpoint destination;
};

[[nodiscard]] ProxyHeader ParseProxyHeader(std::span<const std::byte> bytes);

// CRC-32C (Castagnoli) of `bytes`, continuing from `seed`.
[[nodiscard]] std::uint32_t Crc32c(std::span<const std::byte> bytes, std::uint32_t seed = 0);

}  // namespace echogw
