// Goal: what a connection does before and beside echo: headers however they arrive, banners,
// discard, chargen. Method: scripted system calls, with a read buffer of 512 bytes.
#include "reactor/services/session.h"

#include <cerrno>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/random.h"
#include "tests/support/scripted_socket_io.h"
#include "tests/unit/reactor/services/proxy_headers.h"

namespace echogw {
namespace {

constexpr int kSessionFd = 77;
constexpr std::size_t kTurnBytes = 4096;
const std::string kLine = "PROXY TCP4 192.0.2.1 198.51.100.2 1000 443\r\n";

class SessionTest : public ::testing::Test {
 protected:
  SessionTest() { c_.fd = kSessionFd; }
  ~SessionTest() override { DropPending(c_, context_); }

  EchoResult Turn(Session& session) { return session.Turn(c_, context_, {instance_, host_, 3}); }
  [[nodiscard]] std::uint64_t headers(ProxyOutcome outcome) const {
    return counters_.Read().proxy_headers[static_cast<std::size_t>(outcome)];
  }
  [[nodiscard]] static Service Proxied(ProxyUse use,
                                       const ServiceMode* mode = FindServiceMode("echo")) {
    return {.mode = mode, .proxy = use};
  }

  const std::string instance_ = "gw-1";
  const std::string host_ = "machine";
  ScriptedSocketIo io_;
  BufferPool pool_;
  Counters counters_;
  std::vector<std::byte> scratch_ = std::vector<std::byte>(512);
  EchoContext context_{io_, pool_, counters_, scratch_, kTurnBytes, Transform::kNone};
  Connection c_;
};

TEST_F(SessionTest, AHeaderIsNoPayload) {
  Session session(Proxied(ProxyUse::kRequired), 0);
  EXPECT_TRUE(session.waiting());
  io_.ReadGives(kSessionFd, kLine + "hello");
  EXPECT_EQ(Turn(session).outcome, EchoOutcome::kIdle);
  EXPECT_FALSE(session.waiting());
  EXPECT_EQ(io_.written(kSessionFd), "hello");
  EXPECT_EQ(c_.received_bytes, 5U);
  EXPECT_EQ(session.client().ToString(), "192.0.2.1:1000");
  EXPECT_EQ(headers(ProxyOutcome::kV1), 1U);
}

// A turn is bounded in reads, however few bytes each of them gets.
TEST_F(SessionTest, ATurnOfAnyServiceIsOverAfterSoManyReads) {
  constexpr std::size_t kSent = 3 * kTurnReads;
  for (const ServiceMode& mode : ServiceModes()) {
    Session session({.mode = &mode}, 0);
    for (std::size_t i = 0; i < kSent; ++i) io_.ReadGives(kSessionFd, "x");
    const std::size_t before = io_.reads(kSessionFd);
    EXPECT_EQ(Turn(session).outcome, EchoOutcome::kMore) << mode.word;
    EXPECT_EQ(io_.reads(kSessionFd) - before, kTurnReads) << mode.word;
    for (int turns = 0; Turn(session).outcome == EchoOutcome::kMore; ++turns) {
      if (mode.makes_output || turns > 3) break;  // that one never ends
    }
    while (io_.steps_left() > 0) (void)Turn(session);
    c_.sent_bytes = 0;
  }
}

TEST_F(SessionTest, AHeaderInTinyPiecesTakesMoreThanOneTurn) {
  const std::string header =
      ProxyV2(0x21, 0x11, ProxyV4Addresses() + ProxyTlv(0x04, std::string(200, 'x')));
  Session session(Proxied(ProxyUse::kRequired), 0);
  for (const char byte : header) io_.ReadGives(kSessionFd, std::string(1, byte));
  EXPECT_EQ(Turn(session).outcome, EchoOutcome::kMore);
  EXPECT_EQ(io_.reads(kSessionFd), kTurnReads);
  while (session.waiting()) (void)Turn(session);
  EXPECT_EQ(session.client().ToString(), "192.0.2.1:1000");
}

TEST_F(SessionTest, AHeaderMayComeByteByByte) {
  for (const std::string& header : {kLine, ProxyV2WithChecksum(0x11, ProxyV4Addresses())}) {
    Session session(Proxied(ProxyUse::kRequired), 0);
    for (const char byte : header) {
      EXPECT_TRUE(session.waiting());
      io_.ReadGives(kSessionFd, std::string(1, byte));
      EXPECT_EQ(Turn(session).outcome, EchoOutcome::kIdle);
    }
    EXPECT_FALSE(session.waiting());
    EXPECT_EQ(session.client().ToString(), "192.0.2.1:1000");
  }
  EXPECT_EQ(io_.written(kSessionFd), "");
}

TEST_F(SessionTest, AnySplitOfTheBytesGivesTheSame) {
  Random random(TestSeed());
  const std::string big =
      ProxyV2WithChecksum(0x11, ProxyV4Addresses() + ProxyTlv(0x04, std::string(3000, 'x')));
  for (int round = 0; round < 500; ++round) {
    const std::string header = round % 2 == 0 ? kLine : big;
    std::string payload(random.Between(0, 1500), '\0');
    for (char& byte : payload) byte = static_cast<char>(random.Between(0, 255));
    const std::string bytes = header + payload;
    const std::string before = io_.written(kSessionFd);
    Session session(Proxied(random.Percent(50) ? ProxyUse::kRequired : ProxyUse::kOptional), 0);
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t n = random.Between(1, 400);
      io_.ReadGives(kSessionFd, bytes.substr(at, n));
      if (random.Percent(50)) io_.ReadWouldBlock(kSessionFd);
      if (random.Percent(20)) io_.WriteTakes(kSessionFd, random.Between(1, 50));
      while (io_.steps_left() > 0) {
        const EchoOutcome outcome = Turn(session).outcome;
        ASSERT_NE(outcome, EchoOutcome::kClose);
        if (outcome == EchoOutcome::kIdle) break;
      }
      at += n;
    }
    while (Turn(session).outcome != EchoOutcome::kIdle) {
    }
    ASSERT_EQ(io_.written(kSessionFd).substr(before.size()), payload) << "round " << round;
    ASSERT_EQ(session.client().ToString(), "192.0.2.1:1000");
  }
  EXPECT_EQ(c_.received_bytes, c_.sent_bytes);
}

TEST_F(SessionTest, WhatCameWithTheHeaderIsEchoedBeforeTheEnd) {
  Session session(Proxied(ProxyUse::kRequired), 0);
  io_.ReadGives(kSessionFd, kLine + "last words");
  io_.WriteTakes(kSessionFd, 4);
  io_.ReadEnds(kSessionFd);
  EXPECT_EQ(Turn(session).outcome, EchoOutcome::kBlocked);
  const EchoResult end = Turn(session);
  EXPECT_EQ(end.outcome, EchoOutcome::kClose);
  EXPECT_EQ(end.reason, CloseReason::kPeerClosed);
  EXPECT_EQ(io_.written(kSessionFd), "last words");
}

TEST_F(SessionTest, BadHeadersCloseAndAreCountedByWhatIsWrong) {
  std::string wrong = ProxyV2WithChecksum(0x11, ProxyV4Addresses());
  wrong.back() = static_cast<char>(wrong.back() ^ 1);
  const std::vector<std::pair<std::string, ProxyOutcome>> cases = {
      {"hello", ProxyOutcome::kMissing},
      {"PROXY TCP4 x\r\n", ProxyOutcome::kMalformed},
      {"PROXY UNKNOWN" + std::string(200, ' '), ProxyOutcome::kTooLong},
      {wrong, ProxyOutcome::kChecksum}};
  for (const auto& [bytes, outcome] : cases) {
    for (const ProxyUse use : {ProxyUse::kRequired, ProxyUse::kOptional}) {
      if (use == ProxyUse::kOptional && outcome == ProxyOutcome::kMissing) continue;
      Session session(Proxied(use), 0);
      io_.ReadGives(kSessionFd, bytes);
      const std::uint64_t before = headers(outcome);
      const EchoResult result = Turn(session);
      EXPECT_EQ(result.outcome, EchoOutcome::kClose);
      EXPECT_EQ(result.reason, CloseReason::kProxyHeader);
      EXPECT_EQ(headers(outcome), before + 1);
      EXPECT_TRUE(session.waiting()) << "its client was never known";
    }
  }
  EXPECT_EQ(io_.written(kSessionFd), "");
}

TEST_F(SessionTest, TheEndBeforeAHeader) {
  Session probe(Proxied(ProxyUse::kRequired), 0);
  io_.ReadEnds(kSessionFd);
  EXPECT_EQ(Turn(probe).reason, CloseReason::kPeerClosed) << "a port that is only looked at";
  Session cut(Proxied(ProxyUse::kRequired), 0);
  io_.ReadGives(kSessionFd, "PROXY TCP4");
  io_.ReadEnds(kSessionFd);
  EXPECT_EQ(Turn(cut).reason, CloseReason::kProxyHeader);
  EXPECT_EQ(headers(ProxyOutcome::kMalformed), 1U);
  Session reset(Proxied(ProxyUse::kRequired), 0);
  io_.ReadFails(kSessionFd, ECONNRESET);
  EXPECT_EQ(Turn(reset).reason, CloseReason::kPeerReset);
}

TEST_F(SessionTest, AnOptionalHeaderMayBeAbsent) {
  for (const std::string payload : {"hello", "P", "\r\n", "PROX"}) {
    Session session(Proxied(ProxyUse::kOptional), 0);
    const std::string before = io_.written(kSessionFd);
    io_.ReadGives(kSessionFd, payload);
    io_.ReadEnds(kSessionFd);  // undecided for the last three until here
    io_.ReadEnds(kSessionFd);
    EchoResult result = Turn(session);
    EXPECT_EQ(result.outcome, EchoOutcome::kClose);
    EXPECT_EQ(result.reason, CloseReason::kPeerClosed);
    EXPECT_EQ(io_.written(kSessionFd).substr(before.size()), payload);
    EXPECT_EQ(session.client().family, 0);
    // "hello" needs the end once only.
    if (io_.steps_left() > 0) (void)Turn(session);
  }
  EXPECT_EQ(headers(ProxyOutcome::kAbsent), 4U);
}

TEST_F(SessionTest, TimeDecidesWhatBytesDoNot) {
  Session undecided(Proxied(ProxyUse::kOptional), 0);
  io_.ReadGives(kSessionFd, "PRO");
  EXPECT_EQ(Turn(undecided).outcome, EchoOutcome::kIdle);
  EXPECT_TRUE(undecided.EndWaiting(context_));
  EXPECT_EQ(Turn(undecided).outcome, EchoOutcome::kIdle);
  EXPECT_EQ(io_.written(kSessionFd), "PRO");
  Session certain(Proxied(ProxyUse::kOptional), 0);
  io_.ReadGives(kSessionFd, "PROXY ");
  EXPECT_EQ(Turn(certain).outcome, EchoOutcome::kIdle);
  EXPECT_FALSE(certain.EndWaiting(context_));
  Session required(Proxied(ProxyUse::kRequired), 0);
  EXPECT_FALSE(required.EndWaiting(context_));
  EXPECT_EQ(headers(ProxyOutcome::kTimedOut), 2U);
}

TEST_F(SessionTest, ABannerComesFirstAndInOnePiece) {
  Session session({.mode = FindServiceMode("banner")}, 0);
  c_.id = 99;
  io_.WriteTakes(kSessionFd, 7);
  EXPECT_EQ(Turn(session).outcome, EchoOutcome::kBlocked);
  io_.ReadGives(kSessionFd, "hello");
  EXPECT_EQ(Turn(session).outcome, EchoOutcome::kIdle);
  const std::string written = io_.written(kSessionFd);
  const std::size_t end = written.find('\n');
  ASSERT_NE(end, std::string::npos);
  EXPECT_EQ(written.substr(end + 1), "hello");
  EXPECT_EQ(written.rfind("echogw instance=gw-1 host=machine reactor=3 cpu=", 0), 0U) << written;
  EXPECT_NE(written.find(" connection=99 peer=? local=?\n"), std::string::npos) << written;
}

TEST_F(SessionTest, ABannerBehindAProxyNamesTheClient) {
  Session session(Proxied(ProxyUse::kRequired, FindServiceMode("banner")), 0);
  EXPECT_EQ(Turn(session).outcome, EchoOutcome::kIdle);
  EXPECT_EQ(io_.written(kSessionFd), "") << "whom to greet is not known yet";
  io_.ReadGives(kSessionFd, kLine);
  EXPECT_EQ(Turn(session).outcome, EchoOutcome::kIdle);
  EXPECT_NE(io_.written(kSessionFd).find(" peer=192.0.2.1:1000 local=? proxied_by=?\n"),
            std::string::npos)
      << io_.written(kSessionFd);
}

TEST_F(SessionTest, DiscardAnswersNothing) {
  Session session({.mode = FindServiceMode("discard")}, 0);
  for (int i = 0; i < 9; ++i) io_.ReadGives(kSessionFd, std::string(512, 'x'));
  EXPECT_EQ(Turn(session).outcome, EchoOutcome::kMore) << "a turn is bounded";
  EXPECT_EQ(c_.received_bytes, kTurnBytes);
  EXPECT_EQ(Turn(session).outcome, EchoOutcome::kIdle);
  io_.ReadEnds(kSessionFd);
  EXPECT_EQ(Turn(session).reason, CloseReason::kPeerClosed);
  EXPECT_EQ(io_.writes(kSessionFd), 0U);
}

// RFC 864's example: 95 characters, a line of 72 from each in turn.
std::string ChargenStream(std::size_t bytes) {
  std::string out;
  for (std::size_t line = 0; out.size() < bytes; ++line) {
    for (std::size_t i = 0; i < 72; ++i) out += static_cast<char>(' ' + (line + i) % 95);
    out += "\r\n";
  }
  return out.substr(0, bytes);
}

TEST_F(SessionTest, ChargenGoesOnWhereItWasStopped) {
  Random random(TestSeed());
  Session session({.mode = FindServiceMode("chargen")}, 0);
  for (int round = 0; round < 200; ++round) {
    const bool stalls = random.Percent(50);
    io_.WriteTakes(kSessionFd, random.Between(1, 9000));
    if (stalls) io_.WriteWouldBlock(kSessionFd);
    if (random.Percent(30)) io_.ReadGives(kSessionFd, "thrown away");
    const std::uint64_t before = c_.sent_bytes;
    const EchoOutcome outcome = Turn(session).outcome;
    ASSERT_TRUE(outcome == EchoOutcome::kMore || outcome == EchoOutcome::kStalled);
    ASSERT_LE(c_.sent_bytes - before, kTurnBytes + std::size_t{95} * 74 * 5);
  }
  EXPECT_EQ(c_.pending_bytes(), 0U) << "nothing is held: it can be made again";
  ASSERT_TRUE(io_.written(kSessionFd) == ChargenStream(io_.written(kSessionFd).size()));
}

TEST_F(SessionTest, ChargenEndsWithTheClientOrTheDrain) {
  Session session({.mode = FindServiceMode("chargen")}, 0);
  c_.closing = true;
  EXPECT_EQ(Turn(session).outcome, EchoOutcome::kIdle) << "so that FIN follows";
  c_.closing = false;
  io_.ReadEnds(kSessionFd);
  EXPECT_EQ(Turn(session).reason, CloseReason::kPeerClosed);
  io_.WriteFails(kSessionFd, EPIPE);
  EXPECT_EQ(Turn(session).reason, CloseReason::kPeerReset);
}

}  // namespace
}  // namespace echogw
