// Why connections end, are rejected or fail: the enumerations that counters are split by, each with
// its names, which are the labels of the metrics and the fields of the admin API.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace echogw {

// Why a connection ended.
enum class CloseReason : std::uint8_t {
  kPeerClosed,   // FIN from the peer, everything echoed
  kPeerReset,    // RST from the peer
  kTimedOut,     // the kernel gave up on the peer
  kIoError,      // any other socket error
  kDrained,      // closed by a drain: everything echoed, then FIN
  kDrainForced,  // closed by a drain with RST
  kAdminClosed,  // closed by an operator: everything echoed, then FIN
  kAdminReset,   // closed by an operator with RST
  // Closed by a limit: everything echoed, then FIN; RST if the peer does not close in time.
  kIdleTimeout,       // no activity for Limits::idle_timeout
  kMaxAge,            // older than Limits::max_age
  kNoFirstByte,       // nothing received within Limits::first_byte_timeout
  kProxyHeader,       // the PROXY header is missing or invalid
  kHandshakeTimeout,  // the PROXY header or TLS handshake took too long
  kTlsError,          // the TLS handshake failed, or TLS failed after it
};
inline constexpr auto kCloseReasonNames = std::to_array<const char*>(
    {"peer_closed", "peer_reset", "timed_out", "io_error", "drained", "drain_forced",
     "admin_closed", "admin_reset", "idle_timeout", "max_age", "no_first_byte", "proxy_header",
     "handshake_timeout", "tls_error"});
inline constexpr std::size_t kCloseReasons = kCloseReasonNames.size();
static_assert(static_cast<std::size_t>(CloseReason::kTlsError) + 1 == kCloseReasons);

// Why a connection was rejected after the kernel had accepted it.
enum class RejectReason : std::uint8_t {
  kFdLimitSelect,  // the descriptor is not below FD_SETSIZE
  kTableFull,      // Limits::max_connections
  kPollerError,    // the poller could not watch it
  kDraining,       // the gateway refuses new connections
  kTotalLimit,     // Limits::max_connections_total
  kClientLimit,    // Limits::max_connections_per_client
  kAcceptRate,     // Limits::accept_rate with AcceptExcess::kReset
};
inline constexpr auto kRejectReasonNames =
    std::to_array<const char*>({"fd_limit_select", "table_full", "poller_error", "draining",
                                "total_limit", "client_limit", "accept_rate"});
inline constexpr std::size_t kRejectReasons = kRejectReasonNames.size();
static_assert(static_cast<std::size_t>(RejectReason::kAcceptRate) + 1 == kRejectReasons);

// The result of reading the PROXY header of a connection.
enum class ProxyOutcome : std::uint8_t {
  kV1,      // version 1
  kV2,      // version 2
  kLocal,   // the proxy's own connection, such as a health check
  kAbsent,  // no header where it is optional: served without
  // The connection was closed.
  kMissing,    // no header where it is required
  kMalformed,  // a protocol violation
  kTooLong,    // a line of version 1 over its limit
  kChecksum,   // wrong CRC32C
  kTimedOut,   // not complete in time
};
inline constexpr auto kProxyOutcomeNames = std::to_array<const char*>(
    {"v1", "v2", "local", "absent", "missing", "malformed", "too_long", "checksum", "timed_out"});
inline constexpr std::size_t kProxyOutcomes = kProxyOutcomeNames.size();
static_assert(static_cast<std::size_t>(ProxyOutcome::kTimedOut) + 1 == kProxyOutcomes);

// Why the TLS of a connection failed, in the handshake except for kAlert and kOther.
enum class TlsFailure : std::uint8_t {
  kNotTls,    // the client does not speak TLS
  kVersion,   // no version in common
  kCipher,    // no cipher in common
  kAlert,     // the client sent an alert, for example because it does not trust the certificate
  kClosed,    // the client closed the connection
  kTimedOut,  // not complete in time
  kOther,
};
inline constexpr auto kTlsFailureNames = std::to_array<const char*>(
    {"not_tls", "version", "cipher", "alert", "closed", "timed_out", "other"});
inline constexpr std::size_t kTlsFailures = kTlsFailureNames.size();
static_assert(static_cast<std::size_t>(TlsFailure::kOther) + 1 == kTlsFailures);

// Why accept() failed.
enum class AcceptError : std::uint8_t { kFdLimit, kMemory, kOther };
inline constexpr auto kAcceptErrorNames =
    std::to_array<const char*>({"fd_limit", "memory", "other"});
inline constexpr std::size_t kAcceptErrors = kAcceptErrorNames.size();
static_assert(static_cast<std::size_t>(AcceptError::kOther) + 1 == kAcceptErrors);

// Why a datagram was received and not answered.
enum class UdpDrop : std::uint8_t {
  kWouldBlock,    // no room in the kernel for the reply
  kSendError,     // the reply could not be sent: no route, not permitted, too large for the path
  kTruncated,     // larger than any datagram can be
  kServicePort,   // from port 0, or from a service that would answer the reply
  kGroupAddress,  // sent to a broadcast or multicast address, which many would answer
  kDraining,      // the gateway refuses new work
  kOwnPort,       // from a port number that the gateway itself echoes on
};
inline constexpr auto kUdpDropNames =
    std::to_array<const char*>({"would_block", "send_error", "truncated", "service_port",
                                "group_address", "draining", "own_port"});
inline constexpr std::size_t kUdpDrops = kUdpDropNames.size();
static_assert(static_cast<std::size_t>(UdpDrop::kOwnPort) + 1 == kUdpDrops);

}  // namespace echogw
