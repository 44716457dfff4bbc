// PROXY headers as a proxy makes them, for tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "reactor/services/proxy_protocol.h"

namespace echogw {

inline std::string BigEndian16(std::size_t value) {
  return {static_cast<char>(value >> 8U & 0xFFU), static_cast<char>(value & 0xFFU)};
}

// Version 2: the byte of version and command, that of family and transport, and all behind the
// length, which is right unless another one is given.
inline std::string ProxyV2(std::uint8_t command, std::uint8_t family, const std::string& rest,
                           std::size_t length = SIZE_MAX) {
  return std::string("\r\n\r\n\0\r\nQUIT\n", 12) + static_cast<char>(command) +
         static_cast<char>(family) + BigEndian16(length == SIZE_MAX ? rest.size() : length) + rest;
}

// 192.0.2.1:1000 to 198.51.100.2:443.
inline std::string ProxyV4Addresses() {
  return std::string("\xC0\x00\x02\x01\xC6\x33\x64\x02", 8) + BigEndian16(1000) + BigEndian16(443);
}

inline std::string ProxyTlv(std::uint8_t type, const std::string& value) {
  return static_cast<char>(type) + BigEndian16(value.size()) + value;
}

// Adds a CRC32C TLV that holds for the whole header.
inline std::string ProxyV2WithChecksum(std::uint8_t family, const std::string& rest) {
  std::string header = ProxyV2(0x21, family, rest + ProxyTlv(0x03, std::string(4, '\0')));
  const std::uint32_t crc = Crc32c(std::as_bytes(std::span(header)));
  for (unsigned i = 0; i < 4; ++i) {
    header[header.size() - 4 + i] = static_cast<char>(crc >> (24U - 8U * i) & 0xFFU);
  }
  return header;
}

inline ProxyHeader ParseProxy(std::string_view text) {
  return ParseProxyHeader(std::as_bytes(std::span(text)));
}

}  // namespace echogw
