// Goal: every way in which one turn of one connection can go.
// Method: scripted system calls; the read buffer is 16 bytes and a turn moves 64, so that each
// border is a few bytes away.
#include "reactor/services/echo.h"

#include <cctype>
#include <cerrno>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "reactor/services/discard.h"
#include "tests/support/scripted_socket_io.h"
#include "tests/support/test_client.h"

namespace echogw {
namespace {

constexpr int kFd = 77;

class EchoTest : public ::testing::Test {
 protected:
  EchoTest() { c_.fd = kFd; }
  ~EchoTest() override { DropPending(c_, context_); }

  EchoResult Turn(bool to_the_end = false) { return EchoTurn(c_, to_the_end, context_); }

  // Puts `held` into the pending block, as a client that takes nothing does.
  void Hold(std::string_view held) {
    io_.ReadGives(kFd, held);
    io_.WriteWouldBlock(kFd);
    ASSERT_EQ(Turn().outcome, EchoOutcome::kBlocked);
    ASSERT_EQ(c_.pending_bytes(), held.size());
  }

  [[nodiscard]] CounterSnapshot counters() const { return counters_.Read(); }

  ScriptedSocketIo io_;
  BufferPool pool_;
  Counters counters_;
  std::vector<std::byte> scratch_ = std::vector<std::byte>(16);
  EchoContext context_{io_, pool_, counters_, scratch_, 64, Transform::kNone};
  Connection c_;
};

TEST_F(EchoTest, NothingToReadIsIdle) {
  EXPECT_EQ(Turn().outcome, EchoOutcome::kIdle);
  EXPECT_EQ(io_.writes(kFd), 0U);
  EXPECT_EQ(counters().reads, 0U);
}

TEST_F(EchoTest, WritesBackWhatItReads) {
  io_.ReadGives(kFd, "hello");
  EXPECT_EQ(Turn().outcome, EchoOutcome::kIdle);
  EXPECT_EQ(io_.written(kFd), "hello");
  EXPECT_EQ(c_.received_bytes, 5U);
  EXPECT_EQ(c_.sent_bytes, 5U);
  EXPECT_EQ(counters().received_bytes, 5U);
  EXPECT_EQ(counters().sent_bytes, 5U);
  EXPECT_EQ(counters().reads, 1U);
  EXPECT_EQ(counters().writes, 1U);
  EXPECT_EQ(counters().partial_writes, 0U);
}

TEST_F(EchoTest, ShortReadEndsTheTurn) {
  io_.ReadGives(kFd, "one");
  io_.ReadGives(kFd, "two");
  EXPECT_EQ(Turn(false).outcome, EchoOutcome::kIdle);
  EXPECT_EQ(io_.reads(kFd), 1U) << "a second read would only say that there is nothing";
}

TEST_F(EchoTest, ToTheEndReadsUntilTheKernelHasNoMore) {
  io_.ReadGives(kFd, "one");
  io_.ReadGives(kFd, "two");
  EXPECT_EQ(Turn(true).outcome, EchoOutcome::kIdle);
  EXPECT_EQ(io_.written(kFd), "onetwo");
  EXPECT_EQ(io_.reads(kFd), 3U);
}

TEST_F(EchoTest, FullReadGoesOn) {
  io_.ReadGives(kFd, Pattern(16 + 5));
  EXPECT_EQ(Turn().outcome, EchoOutcome::kIdle);
  EXPECT_EQ(io_.written(kFd), Pattern(21));
}

TEST_F(EchoTest, FullReadAndNothingAfterItIsIdle) {
  io_.ReadGives(kFd, Pattern(16));
  EXPECT_EQ(Turn().outcome, EchoOutcome::kIdle);
  EXPECT_EQ(io_.reads(kFd), 2U);
}

TEST_F(EchoTest, TurnEndsWhenItsBudgetIsUsedUp) {
  io_.ReadGives(kFd, Pattern(200));
  EXPECT_EQ(Turn().outcome, EchoOutcome::kMore);
  EXPECT_EQ(c_.sent_bytes, 64U);
  EXPECT_EQ(Turn().outcome, EchoOutcome::kMore);
  EXPECT_EQ(Turn().outcome, EchoOutcome::kMore);
  EXPECT_EQ(Turn().outcome, EchoOutcome::kIdle);
  EXPECT_EQ(io_.written(kFd), Pattern(200));
}

TEST_F(EchoTest, EndOfStreamClosesAfterEverythingIsEchoed) {
  io_.ReadGives(kFd, Pattern(16));
  io_.ReadEnds(kFd);
  const EchoResult r = Turn(true);
  EXPECT_EQ(r.outcome, EchoOutcome::kClose);
  EXPECT_EQ(r.reason, CloseReason::kPeerClosed);
  EXPECT_EQ(io_.written(kFd), Pattern(16));
}

TEST_F(EchoTest, PartialWriteHoldsTheRestAndReadsNoMore) {
  io_.ReadGives(kFd, "0123456789");
  io_.ReadGives(kFd, "later");
  io_.WriteTakes(kFd, 4);
  EXPECT_EQ(Turn(true).outcome, EchoOutcome::kBlocked);
  EXPECT_EQ(io_.written(kFd), "0123");
  EXPECT_EQ(c_.pending_bytes(), 6U);
  EXPECT_EQ(io_.reads(kFd), 1U);
  EXPECT_EQ(counters().pending_bytes, 6U);
  EXPECT_EQ(counters().partial_writes, 1U);
}

TEST_F(EchoTest, RefusedWriteHoldsEverything) {
  Hold("0123456789");
  EXPECT_EQ(c_.sent_bytes, 0U);
  EXPECT_EQ(counters().writes, 0U);
  EXPECT_EQ(counters().pending_bytes, 10U);
}

TEST_F(EchoTest, FlushGoesOnWhereItStoppedAndThenReads) {
  Hold("0123456789");
  io_.WriteTakes(kFd, 3);
  io_.WriteTakes(kFd, 4);
  io_.WriteWouldBlock(kFd);
  EXPECT_EQ(Turn(true).outcome, EchoOutcome::kBlocked);
  EXPECT_EQ(io_.written(kFd), "0123456");
  EXPECT_EQ(c_.pending_bytes(), 3U);
  EXPECT_EQ(counters().pending_bytes, 3U);
  EXPECT_EQ(io_.reads(kFd), 1U) << "nothing is read while something is held";

  io_.ReadGives(kFd, "next");
  EXPECT_EQ(Turn(true).outcome, EchoOutcome::kIdle);
  EXPECT_EQ(io_.written(kFd), "0123456789next");
  EXPECT_FALSE(c_.has_pending());
  EXPECT_EQ(counters().pending_bytes, 0U);
  EXPECT_EQ(pool_.kept_bytes(), BufferPool::kSmallestBytes) << "the block is kept for the next";
  EXPECT_EQ(c_.sent_bytes, c_.received_bytes);
}

TEST_F(EchoTest, HeldBytesAreFlushedBeforeTheEndIsSeen) {
  Hold("tail");
  io_.ReadEnds(kFd);
  const EchoResult r = Turn(true);
  EXPECT_EQ(r.outcome, EchoOutcome::kClose);
  EXPECT_EQ(r.reason, CloseReason::kPeerClosed);
  EXPECT_EQ(io_.written(kFd), "tail");
}

TEST_F(EchoTest, NeverHoldsMoreThanOneRead) {
  io_.ReadGives(kFd, Pattern(1000));
  std::size_t rounds = 0;
  for (EchoResult r = Turn(true); r.outcome != EchoOutcome::kIdle; r = Turn(true)) {
    ASSERT_LE(c_.pending_bytes(), scratch_.size());
    io_.WriteTakes(kFd, 1);
    io_.WriteTakes(kFd, 1);
    if (rounds % 2 == 0) io_.WriteWouldBlock(kFd);
    ASSERT_LT(++rounds, 2000U);
  }
  EXPECT_EQ(io_.written(kFd), Pattern(1000));
}

struct ErrorCase {
  int error;
  CloseReason reason;
};

class EchoErrorTest : public EchoTest, public ::testing::WithParamInterface<ErrorCase> {};

TEST_P(EchoErrorTest, OfAReadGivesTheReason) {
  io_.ReadFails(kFd, GetParam().error);
  const EchoResult r = Turn();
  EXPECT_EQ(r.outcome, EchoOutcome::kClose);
  EXPECT_EQ(r.reason, GetParam().reason);
}

TEST_P(EchoErrorTest, OfAWriteGivesTheReason) {
  io_.ReadGives(kFd, "x");
  io_.WriteFails(kFd, GetParam().error);
  const EchoResult r = Turn();
  EXPECT_EQ(r.outcome, EchoOutcome::kClose);
  EXPECT_EQ(r.reason, GetParam().reason);
}

TEST_P(EchoErrorTest, OfAFlushGivesTheReasonAndDropsNothingTwice) {
  Hold("held");
  io_.WriteTakes(kFd, 1);
  io_.WriteFails(kFd, GetParam().error);
  const EchoResult r = Turn();
  EXPECT_EQ(r.outcome, EchoOutcome::kClose);
  EXPECT_EQ(r.reason, GetParam().reason);
  EXPECT_EQ(counters().pending_bytes, 3U);
  DropPending(c_, context_);
  EXPECT_EQ(counters().pending_bytes, 0U);
  DropPending(c_, context_);
  EXPECT_EQ(counters().pending_bytes, 0U);
}

TEST_P(EchoErrorTest, OfADiscardGivesTheReason) {
  io_.ReadFails(kFd, GetParam().error);
  const EchoResult r = DiscardTurn(c_, context_);
  EXPECT_EQ(r.outcome, EchoOutcome::kClose);
  EXPECT_EQ(r.reason, GetParam().reason);
}

INSTANTIATE_TEST_SUITE_P(, EchoErrorTest,
                         ::testing::Values(ErrorCase{ECONNRESET, CloseReason::kPeerReset},
                                           ErrorCase{EPIPE, CloseReason::kPeerReset},
                                           ErrorCase{ETIMEDOUT, CloseReason::kTimedOut},
                                           ErrorCase{EHOSTUNREACH, CloseReason::kTimedOut},
                                           ErrorCase{EIO, CloseReason::kIoError},
                                           ErrorCase{ENOMEM, CloseReason::kIoError}),
                         [](const auto& tested) {
                           return std::string(strerrorname_np(tested.param.error));
                         });

TEST_F(EchoTest, DiscardThrowsAwayUntilTheClientIsDone) {
  io_.ReadGives(kFd, Pattern(20));
  EXPECT_EQ(DiscardTurn(c_, context_).outcome, EchoOutcome::kIdle);
  io_.ReadGives(kFd, Pattern(1000));
  EXPECT_EQ(DiscardTurn(c_, context_).outcome, EchoOutcome::kMore) << "at most a turn at once";
  while (DiscardTurn(c_, context_).outcome == EchoOutcome::kMore) {
  }
  io_.ReadEnds(kFd);
  const EchoResult r = DiscardTurn(c_, context_);
  EXPECT_EQ(r.outcome, EchoOutcome::kClose);
  EXPECT_EQ(r.reason, CloseReason::kDrained);
  EXPECT_EQ(io_.written(kFd), "");
  EXPECT_EQ(counters().received_bytes, 0U) << "what is thrown away was not received to be echoed";
}

TEST_F(EchoTest, UpperCasesAsciiLettersAndNothingElse) {
  std::string all;
  std::string expected;
  for (int i = 0; i < 256; ++i) {
    all.push_back(static_cast<char>(i));
    expected.push_back(static_cast<char>(i >= 'a' && i <= 'z' ? i - 'a' + 'A' : i));
  }
  EchoContext upper{io_, pool_, counters_, scratch_, 64, Transform::kUpper};
  io_.ReadGives(kFd, all);
  while (EchoTurn(c_, true, upper).outcome == EchoOutcome::kMore) {
  }
  EXPECT_EQ(io_.written(kFd), expected);
}

TEST_F(EchoTest, UpperCaseIsDoneOnceWhenBytesAreHeld) {
  EchoContext upper{io_, pool_, counters_, scratch_, 64, Transform::kUpper};
  io_.ReadGives(kFd, "abcdef");
  io_.WriteTakes(kFd, 2);
  EXPECT_EQ(EchoTurn(c_, true, upper).outcome, EchoOutcome::kBlocked);
  EXPECT_EQ(EchoTurn(c_, true, upper).outcome, EchoOutcome::kIdle);
  EXPECT_EQ(io_.written(kFd), "ABCDEF");
}

}  // namespace
}  // namespace echogw
