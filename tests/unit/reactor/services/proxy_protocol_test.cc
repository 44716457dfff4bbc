// Goal: every rule of the PROXY protocol's two headers, and that a header means the same however
// its bytes arrive. Method: headers written out here, and seeded mutations of them fed in pieces.
#include "reactor/services/proxy_protocol.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/random.h"
#include "tests/unit/reactor/services/proxy_headers.h"

namespace echogw {
namespace {

using Status = ProxyStatus;

const std::string kV4Line = "PROXY TCP4 192.0.2.1 198.51.100.2 1000 443\r\n";
const std::string kV6Line = "PROXY TCP6 2001:db8::1 ::1 1000 443\r\n";

TEST(ProxyProtocolTest, MappedAddressesAreIpv4) {
  for (const char* source : {"::ffff:192.0.2.1", "::FFFF:192.0.2.1", "::ffff:c000:201"}) {
    const std::string line = std::string("PROXY TCP6 ") + source + " ::ffff:192.0.2.2 1000 443\r\n";
    const ProxyHeader header = ParseProxyHeader(std::as_bytes(std::span(line)));
    EXPECT_EQ(header.status, ProxyStatus::kHeader) << source;
    EXPECT_EQ(header.source.ToString(), "192.0.2.1:1000");
    EXPECT_EQ(header.destination.ToString(), "192.0.2.2:443");
  }
}

TEST(ProxyProtocolTest, Version1NamesClientAndDestination) {
  const ProxyHeader v4 = ParseProxy(kV4Line + "payload");
  EXPECT_EQ(v4.status, Status::kHeader);
  EXPECT_EQ(v4.bytes, kV4Line.size());
  EXPECT_EQ(v4.version, 1);
  EXPECT_FALSE(v4.local);
  EXPECT_EQ(v4.source.ToString(), "192.0.2.1:1000");
  EXPECT_EQ(v4.destination.ToString(), "198.51.100.2:443");
  const ProxyHeader v6 = ParseProxy(kV6Line);
  EXPECT_EQ(v6.status, Status::kHeader);
  EXPECT_EQ(v6.source.ToString(), "[2001:db8::1]:1000");
  EXPECT_EQ(v6.destination.ToString(), "[::1]:443");
}

TEST(ProxyProtocolTest, Version1UnknownIsAHeaderWithoutAClient) {
  for (const char* line : {"PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff:f...f:ffff 1 2 3 4 5\r\n"}) {
    const ProxyHeader header = ParseProxy(line);
    EXPECT_EQ(header.status, Status::kHeader) << line;
    EXPECT_EQ(header.bytes, std::string(line).size());
    EXPECT_EQ(header.source.family, 0);
  }
}

TEST(ProxyProtocolTest, Version1IsStrict) {
  for (const std::string line : {"PROXY TCP4",
                                 "PROXY tcp4 1.2.3.4 1.2.3.4 1 1",
                                 "PROXY TCP5 1.2.3.4 1.2.3.4 1 1",
                                 "PROXY  TCP4 1.2.3.4 1.2.3.4 1 1",
                                 "PROXY TCP4  1.2.3.4 1.2.3.4 1 1",
                                 "PROXY TCP4 1.2.3.4 1.2.3.4 1 1 ",
                                 "PROXY TCP4 1.2.3.4 1.2.3.4 1",
                                 "PROXY TCP4 1.2.3.4 1.2.3.4 1 1 1",
                                 "PROXY TCP4 1.2.3 1.2.3.4 1 1",
                                 "PROXY TCP4 1.2.3.256 1.2.3.4 1 1",
                                 "PROXY TCP4 01.2.3.4 1.2.3.4 1 1",
                                 "PROXY TCP4 1.2.3.4 1.2.3.4 01 1",
                                 "PROXY TCP4 1.2.3.4 1.2.3.4 +1 1",
                                 "PROXY TCP4 1.2.3.4 1.2.3.4 -1 1",
                                 "PROXY TCP4 1.2.3.4 1.2.3.4 65536 1",
                                 "PROXY TCP4 1.2.3.4 1.2.3.4 1 1x",
                                 "PROXY TCP4 ::1 ::1 1 1",
                                 "PROXY TCP6 1.2.3.4 ::1 1 1",
                                 "PROXY TCP6 ::2:1.2.3.4 ::1 1 1",
                                 "PROXY TCP6 ::ffff:1.2.3 ::1 1 1",
                                 "PROXY TCP6 ::1%lo ::1 1 1",
                                 "PROXY TCP6 [::1] ::1 1 1",
                                 "PROXY UNKNOWNS",
                                 "PROXY ",
                                 "PROXY TCP4\t1.2.3.4 1.2.3.4 1 1",
                                 "PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r",
                                 "PROXY TCP4 1.2.3.4\n1.2.3.4 1 1"}) {
    EXPECT_EQ(ParseProxy(line + "\r\n").status, Status::kMalformed) << line;
  }
  EXPECT_EQ(ParseProxy(std::string("PROXY TCP4 1.2.3.4\0x 1.2.3.4 1 1\r\n", 34)).status,
            Status::kMalformed);
}

TEST(ProxyProtocolTest, Version1EndsWithin107Bytes) {
  const std::string start = "PROXY UNKNOWN ";
  const std::string longest = start + std::string(107 - 2 - start.size(), 'x') + "\r\n";
  ASSERT_EQ(longest.size(), 107U);
  EXPECT_EQ(ParseProxy(longest).status, Status::kHeader);
  EXPECT_EQ(ParseProxy(longest.substr(0, 106)).status, Status::kNeedMore);
  const std::string longer = start + std::string(108 - 2 - start.size(), 'x') + "\r\n";
  EXPECT_EQ(ParseProxy(longer).status, Status::kTooLong);
  EXPECT_EQ(ParseProxy(longer.substr(0, 107)).status, Status::kTooLong);
}

TEST(ProxyProtocolTest, Version2NamesClientAndDestination) {
  const std::string v4 = ProxyV2(0x21, 0x11, ProxyV4Addresses());
  const ProxyHeader header = ParseProxy(v4 + "payload");
  EXPECT_EQ(header.status, Status::kHeader);
  EXPECT_EQ(header.bytes, v4.size());
  EXPECT_EQ(header.version, 2);
  EXPECT_EQ(header.source.ToString(), "192.0.2.1:1000");
  EXPECT_EQ(header.destination.ToString(), "198.51.100.2:443");
  const std::string source("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
  const std::string mapped("\0\0\0\0\0\0\0\0\0\0\xff\xff\x01\x02\x03\x04", 16);
  const ProxyHeader v6 =
      ParseProxy(ProxyV2(0x21, 0x21, source + mapped + BigEndian16(1) + BigEndian16(65535)));
  EXPECT_EQ(v6.source.ToString(), "[2001:db8::1]:1");
  EXPECT_EQ(v6.destination.ToString(), "1.2.3.4:65535") << "IPv4 within IPv6 is IPv4";
}

TEST(ProxyProtocolTest, Version2WithoutAClient) {
  const std::string junk = "\xFF\xFF\xFFjunk that is no TLV";
  for (const std::string& bytes : {
           ProxyV2(0x20, 0x00, ""), ProxyV2(0x20, 0x11, ProxyV4Addresses()),
           ProxyV2(0x20, 0xFF, junk),  // of LOCAL only the length counts
           ProxyV2(0x21, 0x00, ""), ProxyV2(0x21, 0x00, junk),
           ProxyV2(0x21, 0x31, std::string(216, 'x')),  // unix
           ProxyV2(0x21, 0x12, ProxyV4Addresses()),     // UDP
       }) {
    const ProxyHeader header = ParseProxy(bytes);
    EXPECT_EQ(header.status, Status::kHeader);
    EXPECT_EQ(header.bytes, bytes.size());
    EXPECT_EQ(header.local, bytes[12] == 0x20);
    EXPECT_EQ(header.source.family, 0);
  }
}

TEST(ProxyProtocolTest, Version2IsStrict) {
  const std::string addresses = ProxyV4Addresses();
  for (const std::string& bytes : {
           ProxyV2(0x11, 0x11, addresses),
           ProxyV2(0x31, 0x11, addresses),  // version
           ProxyV2(0x22, 0x11, addresses),
           ProxyV2(0x2F, 0x11, addresses),  // command
           ProxyV2(0x21, 0x41, addresses),
           ProxyV2(0x21, 0x13, addresses),            // family, transport
           ProxyV2(0x21, 0x11, addresses.substr(1)),  // too short for it
           ProxyV2(0x21, 0x21, std::string(35, 'x')),
           ProxyV2(0x21, 0x31, std::string(215, 'x')),
           ProxyV2(0x21, 0x11, addresses + "\x04"),                         // half a TLV
           ProxyV2(0x21, 0x11, addresses + std::string("\x04\0\x02x", 4)),  // that ends outside
           ProxyV2(0x21, 0x11, addresses + ProxyTlv(0x03, "abc")),          // checksum of 3 bytes
           ProxyV2(0x21, 0x11, addresses + ProxyTlv(0x03, "abcd") + ProxyTlv(0x03, "abcd")),
       }) {
    EXPECT_EQ(ParseProxy(bytes).status, Status::kMalformed);
  }
}

TEST(ProxyProtocolTest, Version2SkipsTlvsAndChecksItsChecksum) {
  const std::string rest =
      ProxyV4Addresses() + ProxyTlv(0x02, "example.org") + ProxyTlv(0x04, "") + ProxyTlv(0xEE, "x");
  EXPECT_EQ(ParseProxy(ProxyV2(0x21, 0x11, rest)).status, Status::kHeader);
  const std::string checked = ProxyV2WithChecksum(0x11, rest);
  EXPECT_EQ(ParseProxy(checked).status, Status::kHeader);
  EXPECT_EQ(ParseProxy(checked).source.ToString(), "192.0.2.1:1000");
  for (const std::size_t at : {std::size_t{16}, std::size_t{31}, checked.size() - 1}) {
    std::string wrong = checked;
    wrong[at] = static_cast<char>(wrong[at] ^ 0x01);
    EXPECT_EQ(ParseProxy(wrong).status, Status::kChecksum) << at;
  }
  // RFC 3720, B.4: 32 bytes of zeros, and of ones.
  const std::string zeros(32, '\0');
  const std::string ones(32, '\xFF');
  EXPECT_EQ(Crc32c(std::as_bytes(std::span(zeros))), 0x8A9136AAU);
  EXPECT_EQ(Crc32c(std::as_bytes(std::span(ones))), 0x62A8AB43U);
}

TEST(ProxyProtocolTest, Version2MayBeAsLongAsItsLengthCanSay) {
  for (const std::size_t size : {4096U, 4097U, 6000U, 65535U}) {
    const std::string body = ProxyV4Addresses() + ProxyTlv(0x20, std::string(size - 12 - 3, 'x'));
    const std::string header = ProxyV2(0x21, 0x11, body);
    EXPECT_EQ(ParseProxy(header).bytes, 16 + size);
    EXPECT_EQ(ParseProxy(header).source.ToString(), "192.0.2.1:1000");
    EXPECT_EQ(ParseProxy(header.substr(0, header.size() - 1)).status, Status::kNeedMore);
  }
  EXPECT_EQ(ParseProxy(ProxyV2(0x20, 0x00, std::string(65535, 'x'))).bytes, kProxyV2BytesMax);
}

TEST(ProxyProtocolTest, WhatIsNoHeaderIsKnownByItsFirstWrongByte) {
  for (const char* text : {"G", "GET /", "\n", "p", "PROXy ", "PROXY\t", "\r\n\r\nx", "\r\r"}) {
    EXPECT_EQ(ParseProxy(text).status, Status::kMissing) << text;
  }
  for (const std::string text : {"", "P", "PROXY", "\r", "\r\n", "\r\n\r\n"}) {
    EXPECT_EQ(ParseProxy(text).status, Status::kNeedMore) << text;
    EXPECT_FALSE(ParseProxy(text).certain);
  }
  EXPECT_TRUE(ParseProxy("PROXY ").certain);
  EXPECT_TRUE(ParseProxy(ProxyV2(0x21, 0x11, "").substr(0, 12)).certain);
}

// The verdict on the shortest prefix that has one, and on every longer one.
TEST(ProxyProtocolTest, MoreBytesNeverChangeAVerdict) {
  Random random(TestSeed());
  const std::vector<std::string> headers = {
      kV4Line,
      kV6Line,
      "PROXY UNKNOWN\r\n",
      ProxyV2(0x20, 0x00, ""),
      ProxyV2(0x21, 0x11, ProxyV4Addresses()),
      ProxyV2WithChecksum(0x11, ProxyV4Addresses() + ProxyTlv(0x02, "example.org")),
      ProxyV2(0x21, 0x21, std::string(36, 'a')),
      ProxyV2(0x21, 0x11, "", 5000)};
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = headers[random.Index(headers.size())] + "payload behind it";
    for (std::uint64_t change = random.Between(0, 2); change > 0; --change) {
      bytes[random.Index(bytes.size())] = static_cast<char>(random.Between(0, 255));
    }
    const ProxyHeader whole = ParseProxy(bytes);
    bool decided = false;
    for (std::size_t n = 0; n <= bytes.size(); ++n) {
      const ProxyHeader part = ParseProxy(std::string_view(bytes).substr(0, n));
      if (part.status == Status::kNeedMore) {
        ASSERT_FALSE(decided) << "undecided again at " << n << " of round " << round;
        continue;
      }
      decided = true;
      ASSERT_EQ(part.status, whole.status) << "at " << n << " of round " << round;
      ASSERT_EQ(part.bytes, whole.bytes);
      ASSERT_EQ(part.source, whole.source);
      ASSERT_EQ(part.destination, whole.destination);
      ASSERT_LE(part.bytes, n);
    }
  }
}

}  // namespace
}  // namespace echogw
