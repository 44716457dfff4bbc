// Goal: the reactors of a shared listener get its connections in the ratio of their weights, mixed.
#include "reactor/round_robin.h"

#include "gtest/gtest.h"
#include "reactor/mailbox.h"

namespace echogw {
namespace {

TEST(RoundRobinTest, MixesByWeightAndIgnoresLateCommands) {
  const auto a = *Mailbox::Create();
  const auto b = *Mailbox::Create();
  RoundRobin round_robin;
  EXPECT_EQ(round_robin.Next(), nullptr) << "no targets";
  round_robin.Set({.version = 2, .targets = {{a.get(), 3}, {b.get(), 1}}});
  round_robin.Set({.version = 1, .targets = {{b.get(), 1}}});
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(round_robin.Next(), a.get());
    EXPECT_EQ(round_robin.Next(), a.get());
    EXPECT_EQ(round_robin.Next(), b.get());
    EXPECT_EQ(round_robin.Next(), a.get());
  }
  round_robin.Set({.version = 3});
  EXPECT_EQ(round_robin.Next(), nullptr);
}

}  // namespace
}  // namespace echogw
