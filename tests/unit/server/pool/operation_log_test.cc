// Operations as watchers see them: numbers, versions, phases, the end, and what is forgotten.

#include "server/pool/operation_log.h"

#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace echogw::server {
namespace {

using ::testing::HasSubstr;

TEST(OperationLogTest, IsEmptyAtFirst) {
  const OperationLog log;
  EXPECT_EQ(log.Get(0).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(log.Get(0).status().message()), HasSubstr("no operation yet"));
  EXPECT_EQ(log.Get(1).status().code(), absl::StatusCode::kNotFound);
}

TEST(OperationLogTest, NumbersCountUpFromOne) {
  OperationLog log;
  EXPECT_EQ(log.Begin({}).id, 1U);
  EXPECT_EQ(log.Begin({}).id, 2U);
  EXPECT_EQ(log.Get(0)->id, 2U);
  EXPECT_EQ(log.Get(1)->id, 1U);
}

TEST(OperationLogTest, BeginKeepsWhatWasGivenAndSetsTheRest) {
  OperationLog log;
  const auto before = std::chrono::system_clock::now();
  const Operation o =
      log.Begin({.kind = OperationKind::kMove, .reactors_target = 7, .dry_run = true});
  EXPECT_EQ(o.kind, OperationKind::kMove);
  EXPECT_EQ(o.reactors_target, 7U);
  EXPECT_TRUE(o.dry_run);
  EXPECT_EQ(o.result, OperationResult::kRunning);
  EXPECT_GT(o.version, 0U);
  EXPECT_GE(o.start_time, before);
  EXPECT_EQ(o.kernel_after.listen_drops, o.kernel_before.listen_drops);
}

TEST(OperationLogTest, PhasesFollowOneAnother) {
  OperationLog log;
  const std::uint64_t id = log.Begin({}).id;
  EXPECT_TRUE(log.Get(id)->phases.empty());
  log.BeginPhase(id, "steer");
  EXPECT_EQ(log.Get(id)->phase, "steer");
  EXPECT_TRUE(log.Get(id)->phases.empty());
  log.BeginPhase(id, "join");
  const Operation o = log.Finish(id, OperationResult::kTimedOut, "it took long");
  ASSERT_EQ(o.phases.size(), 2U);
  EXPECT_EQ(o.phases[0].name, "steer");
  EXPECT_EQ(o.phases[1].name, "join");
  EXPECT_GE(o.phases[0].elapsed.count(), 0);
  EXPECT_LE(o.phases[0].elapsed + o.phases[1].elapsed, o.elapsed);
  EXPECT_EQ(o.result, OperationResult::kTimedOut);
  EXPECT_EQ(o.message, "it took long");
}

TEST(OperationLogTest, OneWithoutPhasesEndsToo) {
  OperationLog log;
  const Operation o = log.Finish(log.Begin({}).id, OperationResult::kCancelled, "");
  EXPECT_TRUE(o.phases.empty());
  EXPECT_EQ(o.result, OperationResult::kCancelled);
}

TEST(OperationLogTest, EveryChangeHasANewVersion) {
  OperationLog log;
  const std::uint64_t id = log.Begin({}).id;
  std::uint64_t last = log.Get(id)->version;
  auto changed = [&] {
    const std::uint64_t now = log.Get(id)->version;
    const bool is_new = now > last;
    last = now;
    return is_new;
  };
  EXPECT_FALSE(changed());
  log.BeginPhase(id, "a");
  EXPECT_TRUE(changed());
  log.Update(id, [](Operation& o) { o.connections_left = 3; });
  EXPECT_TRUE(changed());
  EXPECT_EQ(log.Get(id)->connections_left, 3U);
  (void)log.Finish(id, OperationResult::kSucceeded, "");
  EXPECT_TRUE(changed());
  EXPECT_FALSE(changed());
}

TEST(OperationLogTest, ElapsedGrowsWhileItRunsAndStandsAfterwards) {
  OperationLog log;
  const std::uint64_t id = log.Begin({}).id;
  const auto first = log.Get(id)->elapsed;
  EXPECT_GE(log.Get(id)->elapsed, first);
  const auto end = log.Finish(id, OperationResult::kSucceeded, "").elapsed;
  EXPECT_EQ(log.Get(id)->elapsed, end);
}

TEST(OperationLogTest, ForgetsTheOldest) {
  OperationLog log;
  for (std::size_t i = 0; i < OperationLog::kKept + 5; ++i) {
    (void)log.Finish(log.Begin({}).id, OperationResult::kSucceeded, "");
  }
  const std::uint64_t newest = OperationLog::kKept + 5;
  EXPECT_EQ(log.Get(0)->id, newest);
  EXPECT_EQ(log.Get(6)->id, 6U);
  const absl::Status gone = log.Get(5).status();
  EXPECT_EQ(gone.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(gone.message()), HasSubstr("no operation 5; the last 64 are kept"));
  EXPECT_EQ(log.Get(newest + 1).status().code(), absl::StatusCode::kNotFound);
}

TEST(OperationLogTest, IsReadWhileItIsWritten) {
  OperationLog log;
  std::thread writer([&log] {
    for (int i = 0; i < 200; ++i) {
      const std::uint64_t id = log.Begin({}).id;
      log.BeginPhase(id, "a");
      log.Update(id, [](Operation& o) { ++o.connections_moved; });
      (void)log.Finish(id, OperationResult::kSucceeded, "done");
    }
  });
  std::uint64_t seen = 0;
  while (seen < 200) {
    const auto o = log.Get(0);
    if (!o.ok()) continue;
    EXPECT_GE(o->id, seen);
    seen = o->id;
    if (o->result == OperationResult::kSucceeded) {
      EXPECT_EQ(o->message, "done");
    }
    std::this_thread::yield();
  }
  writer.join();
}

}  // namespace
}  // namespace echogw::server
