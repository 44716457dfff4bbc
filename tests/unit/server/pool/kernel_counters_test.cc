// The parser reads whole netstat texts, and survives those that are cut short or of another kernel.

#include "server/pool/kernel_counters.h"

#include <string>

#include "gtest/gtest.h"

namespace echogw::server {
namespace {

constexpr char kNetstat[] =
    "TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPAbortOnClose TCPMigrateReqFailure\n"
    "TcpExt: 1 22 333 4444 18446744073709551615\n"
    "IpExt: InNoRoutes ListenDrops\n"
    "IpExt: 7 8\n";

TEST(KernelCountersTest, FindsItsCounters) {
  const KernelCounters c = ParseKernelCounters(kNetstat);
  EXPECT_EQ(c.listen_overflows, 22U);
  EXPECT_EQ(c.listen_drops, 333U);
  EXPECT_EQ(c.tcp_abort_on_close, 4444U);
  EXPECT_EQ(c.tcp_migrate_req_failure, UINT64_MAX);
}

TEST(KernelCountersTest, TheOrderOfColumnsAndLinesDoesNotMatter) {
  const KernelCounters c = ParseKernelCounters(
      "IpExt: A\nIpExt: 5\nTcpExt: ListenDrops X ListenOverflows\nTcpExt: 3 2 1\n");
  EXPECT_EQ(c.listen_overflows, 1U);
  EXPECT_EQ(c.listen_drops, 3U);
}

TEST(KernelCountersTest, WhatTheKernelDoesNotHaveIsZero) {
  const KernelCounters c = ParseKernelCounters("TcpExt: ListenDrops\nTcpExt: 3\n");
  EXPECT_EQ(c.listen_drops, 3U);
  EXPECT_EQ(c.tcp_migrate_req_failure, 0U);
}

TEST(KernelCountersTest, EveryPrefixOfATextIsSurvived) {
  const std::string text = kNetstat;
  for (std::size_t n = 0; n <= text.size(); ++n) {
    const KernelCounters c = ParseKernelCounters(text.substr(0, n));
    EXPECT_TRUE(c.listen_overflows == 0 || c.listen_overflows == 2 || c.listen_overflows == 22)
        << n;
  }
}

TEST(KernelCountersTest, ValuesThatAreNoNumbersAreZero) {
  EXPECT_EQ(ParseKernelCounters("TcpExt: ListenDrops\nTcpExt: many\n").listen_drops, 0U);
}

TEST(KernelCountersTest, ReadsThoseOfThisKernel) {
  const KernelCounters before = ReadKernelCounters();
  const KernelCounters after = ReadKernelCounters();
  EXPECT_GE(after.listen_drops, before.listen_drops);
  EXPECT_GE(after.listen_overflows, before.listen_overflows);
}

}  // namespace
}  // namespace echogw::server
