#include "reactor/services/proxy_protocol.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/match.h"

namespace echogw {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::string_view kV1Signature = "PROXY ";
constexpr std::string_view kV2Signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kV2Fixed = 16;

constexpr std::uint8_t kTlvCrc32c = 0x03;
constexpr std::size_t kTlvHead = 3;

ProxyHeader Failed(ProxyStatus status) { return {.status = status}; }

std::string_view AsText(Bytes bytes) {
  const void* data = bytes.data();
  return {static_cast<const char*>(data), bytes.size()};
}

std::uint8_t ByteAt(Bytes bytes, std::size_t at) {
  return std::to_integer<std::uint8_t>(bytes[at]);
}

std::uint16_t ShortAt(Bytes bytes, std::size_t at) {
  return static_cast<std::uint16_t>(ByteAt(bytes, at) << 8U | ByteAt(bytes, at + 1));
}

// ---- version 1: one line of text ----

// Takes the text up to the next space, or the rest.
std::string_view NextWord(std::string_view& line) {
  const std::size_t space = line.find(' ');
  const std::string_view word = line.substr(0, space);
  line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
  return word;
}

// A decimal number without leading zeros.
std::optional<std::uint16_t> Port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool padded = text.size() > 1 && text.front() == '0';
  if (error != std::errc{} || end != text.data() + text.size() || padded) return std::nullopt;
  return port;
}

std::optional<Endpoint> TextEndpoint(bool v4, std::string_view host, std::string_view port_text) {
  const auto port = Port(port_text);
  // No NUL, at which the C library would stop reading. A dual-stack HAProxy writes IPv4 as
  // "::ffff:192.0.2.1"; IPv6 has no other dotted form here.
  const bool mapped = !v4 && absl::StartsWithIgnoreCase({host.data(), host.size()}, "::ffff:");
  const std::string_view digits = v4       ? "0123456789."
                                  : mapped ? "0123456789abcdefABCDEF:."
                                           : "0123456789abcdefABCDEF:";
  if (!port || host.find_first_not_of(digits) != std::string_view::npos) return std::nullopt;
  std::array<std::uint8_t, 16> address{};
  if (::inet_pton(v4 ? AF_INET : AF_INET6, std::string(host).c_str(), address.data()) != 1) {
    return std::nullopt;
  }
  if (!v4) return FromIpv6(address.data(), *port);
  return Endpoint{.family = AF_INET, .port = *port, .address = address};
}

ProxyHeader ParseV1(Bytes bytes) {
  const std::string_view text = AsText(bytes).substr(0, kProxyV1BytesMax);
  const std::size_t end = text.find("\r\n");
  if (end == std::string_view::npos) {
    if (text.size() == kProxyV1BytesMax) return Failed(ProxyStatus::kTooLong);
    return {.status = ProxyStatus::kNeedMore, .certain = true};
  }
  ProxyHeader out{.status = ProxyStatus::kHeader, .bytes = end + 2, .version = 1};
  std::string_view line = text.substr(0, end);
  line.remove_prefix(kV1Signature.size());
  const bool more = line.find(' ') != std::string_view::npos;
  const std::string_view family = NextWord(line);
  if (family == "UNKNOWN") return out;  // what follows is not looked at
  if (!more || (family != "TCP4" && family != "TCP6")) return Failed(ProxyStatus::kMalformed);
  // Four words, one space between two of them: an empty word parses as nothing below.
  if (std::count(line.begin(), line.end(), ' ') != 3) return Failed(ProxyStatus::kMalformed);
  const std::string_view source = NextWord(line);
  const std::string_view destination = NextWord(line);
  const std::string_view source_port = NextWord(line);
  const auto from = TextEndpoint(family == "TCP4", source, source_port);
  const auto to = TextEndpoint(family == "TCP4", destination, line);
  if (!from || !to) return Failed(ProxyStatus::kMalformed);
  out.source = *from;
  out.destination = *to;
  return out;
}

// ---- version 2: binary ----

// Walks over the TLVs, which begin at `at`, to the end of the header.
ProxyStatus CheckTlvs(Bytes header, std::size_t at) {
  std::optional<std::size_t> checksum_at;
  while (at < header.size()) {
    if (header.size() - at < kTlvHead) return ProxyStatus::kMalformed;
    const std::uint8_t type = ByteAt(header, at);
    const std::size_t length = ShortAt(header, at + 1);
    at += kTlvHead;
    if (header.size() - at < length) return ProxyStatus::kMalformed;
    if (type == kTlvCrc32c) {
      if (checksum_at || length != sizeof(std::uint32_t)) return ProxyStatus::kMalformed;
      checksum_at = at;
    }
    at += length;
  }
  if (!checksum_at) return ProxyStatus::kHeader;
  // Computed with the four bytes of the checksum itself as zeros.
  constexpr std::array<std::byte, sizeof(std::uint32_t)> kZeros{};
  std::uint32_t crc = Crc32c(header.first(*checksum_at));
  crc = Crc32c(kZeros, crc);
  crc = Crc32c(header.subspan(*checksum_at + kZeros.size()), crc);
  const std::uint32_t told =
      std::uint32_t{ShortAt(header, *checksum_at)} << 16U | ShortAt(header, *checksum_at + 2);
  return crc == told ? ProxyStatus::kHeader : ProxyStatus::kChecksum;
}

void ReadAddresses(Bytes header, bool v4, ProxyHeader& out) {
  const std::size_t size = v4 ? 4 : 16;
  const auto read = [&](std::size_t address_at, std::size_t port_at) {
    std::array<std::uint8_t, 16> address{};
    for (std::size_t i = 0; i < size; ++i) address[i] = ByteAt(header, address_at + i);
    const std::uint16_t port = ShortAt(header, port_at);
    if (!v4) return FromIpv6(address.data(), port);
    return Endpoint{.family = AF_INET, .port = port, .address = address};
  };
  const std::size_t ports = kV2Fixed + 2 * size;
  out.source = read(kV2Fixed, ports);
  out.destination = read(kV2Fixed + size, ports + 2);
}

ProxyHeader ParseV2(Bytes bytes) {
  if (bytes.size() < kV2Fixed) return {.status = ProxyStatus::kNeedMore, .certain = true};
  const std::uint8_t version = ByteAt(bytes, 12) >> 4U;
  const std::uint8_t command = ByteAt(bytes, 12) & 0x0FU;
  const std::uint8_t family = ByteAt(bytes, 13) >> 4U;
  const std::uint8_t transport = ByteAt(bytes, 13) & 0x0FU;
  const std::size_t size = kV2Fixed + ShortAt(bytes, 14);
  if (version != 2 || command > 1) return Failed(ProxyStatus::kMalformed);
  const bool local = command == 0;
  // By family: none, IPv4, IPv6, unix.
  constexpr std::array<std::size_t, 4> kAddressBytes = {0, 12, 36, 216};
  if (!local && (family >= kAddressBytes.size() || transport > 2)) {
    return Failed(ProxyStatus::kMalformed);
  }
  if (!local && size < kV2Fixed + kAddressBytes[family]) return Failed(ProxyStatus::kMalformed);
  if (bytes.size() < size) return {.status = ProxyStatus::kNeedMore, .certain = true};
  ProxyHeader out{.status = ProxyStatus::kHeader, .bytes = size, .version = 2, .local = local};
  // Of LOCAL and of no family nothing but the length has a meaning.
  if (local || family == 0) return out;
  const Bytes header = bytes.first(size);
  const ProxyStatus tlvs = CheckTlvs(header, kV2Fixed + kAddressBytes[family]);
  if (tlvs != ProxyStatus::kHeader) return Failed(tlvs);
  const bool stream = transport == 1;
  if (stream && family <= 2) ReadAddresses(header, family == 1, out);
  return out;
}

}  // namespace

ProxyHeader ParseProxyHeader(std::span<const std::byte> bytes) {
  const std::string_view text = AsText(bytes);
  for (const std::string_view signature : {kV1Signature, kV2Signature}) {
    const std::size_t n = std::min(text.size(), signature.size());
    if (text.substr(0, n) != signature.substr(0, n)) continue;
    if (n < signature.size()) return {.status = ProxyStatus::kNeedMore};
    return signature == kV1Signature ? ParseV1(bytes) : ParseV2(bytes);
  }
  return Failed(ProxyStatus::kMissing);
}

std::uint32_t Crc32c(std::span<const std::byte> bytes, std::uint32_t seed) {
  // A byte at a time: a header may have 64 KiB, which bit by bit would take a millisecond.
  static constexpr auto kTable = [] {
    constexpr std::uint32_t kReversedPolynomial = 0x82F63B78U;
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
      std::uint32_t crc = byte;
      for (int bit = 0; bit < 8; ++bit) {
        crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? kReversedPolynomial : 0U);
      }
      table[byte] = crc;
    }
    return table;
  }();
  std::uint32_t crc = ~seed;
  for (const std::byte byte : bytes) {
    crc = (crc >> 8U) ^ kTable[(crc ^ std::to_integer<std::uint32_t>(byte)) & 0xFFU];
  }
  return ~crc;
}

}  // namespace echogw
