// Goal: every datagram is answered once, whole and to whoever sent it, or counted with the reason.
// Method: scripted system calls, so that errors, truncation and coalesced reads come on demand.
#include "reactor/services/udp_echo.h"

#include <arpa/inet.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#define UDP_GRO 104
#endif

namespace echogw {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr std::uint32_t kHere = 0x7F000005;   // 127.0.0.5
constexpr std::uint32_t kGroup = 0xE0000001;  // 224.0.0.1

struct Datagram {
  std::string bytes;
  std::uint16_t port = 50000;
  std::uint32_t sent_to = kHere;
  int segment_bytes = 0;
  int flags = 0;
};

struct Answer {
  std::string bytes;
  std::uint16_t port = 0;
  std::uint32_t source = 0;
  int segment_bytes = 0;
};

template <typename T>
std::size_t Put(msghdr& header, std::size_t at, int level, int type, const T& content) {
  cmsghdr control{};
  control.cmsg_len = CMSG_LEN(sizeof(content));
  control.cmsg_level = level;
  control.cmsg_type = type;
  auto* to = static_cast<std::byte*>(header.msg_control) + at;
  std::memcpy(to, &control, sizeof(control));
  std::memcpy(to + CMSG_LEN(0), &content, sizeof(content));
  return at + CMSG_SPACE(sizeof(content));
}

// Gives out what waits, and takes answers until an error is due: `errors` holds one entry for each
// call of Send, 0 for none.
class ScriptedDatagramIo final : public DatagramIo {
 public:
  int Receive(int /*fd*/, std::span<mmsghdr> into) noexcept override {
    asked_.push_back(into.size());
    if (receive_error != 0) return -std::exchange(receive_error, 0);
    if (waiting.empty()) return -EAGAIN;
    int n = 0;
    for (mmsghdr& m : into) {
      if (waiting.empty()) break;
      Give(waiting.front(), m);
      waiting.pop_front();
      ++n;
    }
    return n;
  }

  int Send(int /*fd*/, std::span<mmsghdr> from) noexcept override {
    ++sends;
    if (!errors.empty()) {
      const int error = errors.front();
      errors.pop_front();
      if (error != 0) return -error;
    }
    const std::size_t n = std::min(from.size(), send_max);
    for (mmsghdr& m : from.first(n)) Take(m.msg_hdr);
    return static_cast<int>(n);
  }

  [[nodiscard]] const std::vector<std::size_t>& asked() const { return asked_; }

  std::deque<Datagram> waiting;
  std::deque<int> errors;
  std::size_t send_max = SIZE_MAX;
  int receive_error = 0;
  int sends = 0;
  std::vector<Answer> answers;

 private:
  static void Give(const Datagram& d, mmsghdr& m) {
    sockaddr_in peer{};
    peer.sin_family = AF_INET;
    peer.sin_port = htons(d.port);
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    std::memcpy(m.msg_hdr.msg_name, &peer, sizeof(peer));
    m.msg_hdr.msg_namelen = sizeof(peer);
    std::memcpy(m.msg_hdr.msg_iov->iov_base, d.bytes.data(), d.bytes.size());
    m.msg_len = static_cast<unsigned>(d.bytes.size());
    in_pktinfo info{};
    info.ipi_ifindex = 1;
    info.ipi_addr.s_addr = htonl(d.sent_to);
    info.ipi_spec_dst.s_addr = htonl(d.sent_to == kGroup ? INADDR_LOOPBACK : d.sent_to);
    std::size_t used = Put(m.msg_hdr, 0, IPPROTO_IP, IP_PKTINFO, info);
    if (d.segment_bytes > 0) used = Put(m.msg_hdr, used, IPPROTO_UDP, UDP_GRO, d.segment_bytes);
    m.msg_hdr.msg_controllen = used;
    m.msg_hdr.msg_flags = d.flags;
  }

  void Take(msghdr& header) {
    Answer a;
    a.bytes.assign(static_cast<const char*>(header.msg_iov->iov_base), header.msg_iov->iov_len);
    sockaddr_in peer{};
    std::memcpy(&peer, header.msg_name, sizeof(peer));
    a.port = ntohs(peer.sin_port);
    for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
      if (c->cmsg_level == IPPROTO_IP) {
        in_pktinfo info{};
        std::memcpy(&info, CMSG_DATA(c), sizeof(info));
        EXPECT_EQ(info.ipi_ifindex, 0) << "the routes choose the way";
        a.source = ntohl(info.ipi_spec_dst.s_addr);
      } else if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_SEGMENT) {
        std::uint16_t segment = 0;
        std::memcpy(&segment, CMSG_DATA(c), sizeof(segment));
        a.segment_bytes = segment;
      } else {
        ADD_FAILURE() << "control " << c->cmsg_level << "/" << c->cmsg_type;
      }
    }
    answers.push_back(std::move(a));
  }

  std::vector<std::size_t> asked_;
};

class UdpEchoTest : public ::testing::Test {
 protected:
  void Turn(bool answer = true) { echo_.Turn(3, answer); }

  std::uint64_t Dropped(UdpDrop reason) const {
    return counters_.dropped[static_cast<std::size_t>(reason)].value();
  }
  // Every datagram was answered or dropped.
  void ExpectBalanced() const {
    const UdpSnapshot s = counters_.Read();
    EXPECT_EQ(s.received_datagrams, s.sent_datagrams + s.dropped_total());
  }
  std::vector<std::string> Answered() const {
    std::vector<std::string> out;
    for (const Answer& a : io_.answers) out.push_back(a.bytes);
    return out;
  }

  ScriptedDatagramIo io_;
  UdpCounters counters_;
  UdpEcho echo_{{.batch_max = 4, .turn_bytes = 1000}, io_, counters_};
};

TEST_F(UdpEchoTest, ABatchIsAnsweredInOneCallInItsOrder) {
  io_.waiting = {{.bytes = "one", .port = 40001}, {.bytes = ""}, {.bytes = "three"}};
  Turn();
  EXPECT_THAT(Answered(), ElementsAre("one", "", "three"));
  EXPECT_EQ(io_.answers[0].port, 40001);
  EXPECT_EQ(io_.answers[0].source, kHere) << "from the address it was sent to";
  EXPECT_EQ(io_.sends, 1);
  const UdpSnapshot s = counters_.Read();
  EXPECT_EQ(s.received_datagrams, 3U);
  EXPECT_EQ(s.received_bytes, 8U);
  EXPECT_EQ(s.sent_bytes, 8U);
  EXPECT_EQ(s.receives, 1U);
  EXPECT_EQ(s.sends, 1U);
  ExpectBalanced();
}

TEST_F(UdpEchoTest, NothingToReadIsNoError) {
  Turn();
  EXPECT_EQ(counters_.Read().receive_errors, 0U);
  io_.receive_error = ECONNREFUSED;
  io_.waiting = {{.bytes = "x"}};
  Turn();
  EXPECT_EQ(counters_.Read().receive_errors, 1U);
  Turn();
  EXPECT_THAT(Answered(), ElementsAre("x")) << "an error is of one call";
}

TEST_F(UdpEchoTest, ServicesThatWouldAnswerTheAnswerGetNone) {
  const std::vector<std::uint16_t> services = {0, 7, 9, 11, 13, 17, 19, 37, 53, 69, 123};
  for (std::uint16_t port = 0; port < 128; ++port) {
    io_.waiting.push_back({.bytes = std::to_string(port), .port = port});
  }
  while (!io_.waiting.empty()) Turn();
  EXPECT_EQ(Dropped(UdpDrop::kServicePort), services.size());
  for (const Answer& a : io_.answers) EXPECT_THAT(services, Not(Contains(a.port)));
  EXPECT_THAT(io_.answers, SizeIs(128 - services.size()));
  ExpectBalanced();
}

TEST_F(UdpEchoTest, APortThatTheGatewayEchoesOnGetsNoReply) {
  io_.waiting = {{.bytes = "loop", .port = 7000},
                 {.bytes = "other loop", .port = 7001},
                 {.bytes = "ddee", .port = 7000, .segment_bytes = 2},
                 {.bytes = "client", .port = 7002}};
  const std::vector<std::uint16_t> own = {7000, 7001};
  echo_.Turn(3, true, own);
  EXPECT_THAT(Answered(), ElementsAre("client"));
  EXPECT_EQ(Dropped(UdpDrop::kOwnPort), 4U);
  ExpectBalanced();
}

TEST_F(UdpEchoTest, WhatIsSentToAGroupOrCutShortIsNotAnswered) {
  io_.waiting = {{.bytes = "to many", .sent_to = kGroup},
                 {.bytes = "cut", .flags = MSG_TRUNC},
                 {.bytes = "fine"}};
  Turn();
  EXPECT_THAT(Answered(), ElementsAre("fine"));
  EXPECT_EQ(Dropped(UdpDrop::kGroupAddress), 1U);
  EXPECT_EQ(Dropped(UdpDrop::kTruncated), 1U);
  ExpectBalanced();
}

TEST_F(UdpEchoTest, ADrainDropsAllAndCounts) {
  io_.waiting = {{.bytes = "1"}, {.bytes = "22", .segment_bytes = 1}};
  Turn(false);
  EXPECT_THAT(io_.answers, IsEmpty());
  EXPECT_EQ(io_.sends, 0);
  EXPECT_EQ(Dropped(UdpDrop::kDraining), 3U);
  ExpectBalanced();
}

TEST_F(UdpEchoTest, WhatTheKernelHasNoRoomForIsLost) {
  for (const int shortage : {EAGAIN, ENOBUFS, ENOMEM}) {
    io_.waiting = {{.bytes = "goes"}, {.bytes = "lost"}, {.bytes = "lost"}};
    io_.send_max = 1;
    io_.errors = {0, shortage};
    Turn();
    EXPECT_TRUE(io_.errors.empty());
  }
  EXPECT_THAT(Answered(), ElementsAre("goes", "goes", "goes"));
  EXPECT_EQ(Dropped(UdpDrop::kWouldBlock), 6U);
  ExpectBalanced();
}

TEST_F(UdpEchoTest, OneThatCannotBeSentCostsNoOther) {
  io_.waiting = {{.bytes = "bad"}, {.bytes = "good"}};
  io_.errors = {EPERM};
  Turn();
  EXPECT_THAT(Answered(), ElementsAre("good"));
  EXPECT_EQ(Dropped(UdpDrop::kSendError), 1U);
  ExpectBalanced();
}

TEST_F(UdpEchoTest, AnErrorOfAnEarlierDatagramCostsNone) {
  io_.waiting = {{.bytes = "good"}};
  io_.errors = {ECONNREFUSED};
  Turn();
  EXPECT_THAT(Answered(), ElementsAre("good"));
  // One that stays is its own.
  io_.waiting = {{.bytes = "no route"}, {.bytes = "next"}};
  io_.errors = {EHOSTUNREACH, EHOSTUNREACH};
  Turn();
  EXPECT_THAT(Answered(), ElementsAre("good", "next"));
  EXPECT_EQ(Dropped(UdpDrop::kSendError), 1U);
  ExpectBalanced();
}

TEST_F(UdpEchoTest, CoalescedDatagramsGoBackAsTheyCame) {
  io_.waiting = {{.bytes = "aaabbbc", .segment_bytes = 3}, {.bytes = "ddd", .segment_bytes = 3}};
  Turn();
  EXPECT_THAT(Answered(), ElementsAre("aaabbbc", "ddd"));
  EXPECT_EQ(io_.answers[0].segment_bytes, 3);
  EXPECT_EQ(io_.answers[1].segment_bytes, 0) << "one is sent as one";
  EXPECT_EQ(counters_.Read().received_datagrams, 4U);
  EXPECT_EQ(counters_.Read().sent_datagrams, 4U);
  ExpectBalanced();
}

TEST_F(UdpEchoTest, AWayThatTakesNoCoalescedOnesGetsThemOneByOne) {
  io_.waiting = {{.bytes = "aaabbbc", .segment_bytes = 3}, {.bytes = "next"}};
  io_.errors = {EIO, 0, EPERM, 0, 0};
  Turn();
  EXPECT_THAT(Answered(), ElementsAre("aaa", "c", "next"));
  EXPECT_EQ(io_.answers[1].segment_bytes, 0);
  EXPECT_EQ(io_.answers[1].source, kHere);
  EXPECT_EQ(Dropped(UdpDrop::kSendError), 1U);
  EXPECT_EQ(counters_.Read().sent_bytes, 8U);
  ExpectBalanced();
}

TEST_F(UdpEchoTest, ABatchOfLargeOnesMakesTheNextSmaller) {
  const std::string large(600, 'x');
  for (int i = 0; i < 8; ++i) io_.waiting.push_back({.bytes = large});
  for (int i = 0; i < 4; ++i) io_.waiting.push_back({.bytes = "small"});
  while (!io_.waiting.empty()) Turn();
  EXPECT_THAT(io_.asked(), ElementsAre(4, 2, 1, 2, 4));
  EXPECT_THAT(io_.answers, SizeIs(12));
}

TEST_F(UdpEchoTest, TheTransformApplies) {
  UdpEcho upper({.batch_max = 1, .transform = Transform::kUpper}, io_, counters_);
  io_.waiting = {{.bytes = "Grüße 1z{"}};
  upper.Turn(3, true);
  EXPECT_THAT(Answered(), ElementsAre("GRüßE 1Z{"));
}

}  // namespace
}  // namespace echogw
