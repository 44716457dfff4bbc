// Goal: a call that waits delays no other, callers take turns, and a stop ends what waits. Method:
// calls that the test holds.
#include "server/admin/call_threads.h"

#include <future>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace echogw::server {
namespace {

using testing::ElementsAre;

// Holds the calls that wait for it.
class Gate {
 public:
  CallThreads::Call Hold(std::promise<void>& begun) {
    return [&begun, open = open_](bool) {
      begun.set_value();
      open.wait();
    };
  }
  void Open() { opener_.set_value(); }

 private:
  std::promise<void> opener_;
  std::shared_future<void> open_{opener_.get_future()};
};

TEST(CallThreadsTest, ACallThatWaitsDelaysNoOther) {
  Gate gate;
  std::promise<void> begun;
  std::promise<void> done;
  CallThreads threads(2);
  ASSERT_TRUE(threads.Submit("a", gate.Hold(begun)));
  begun.get_future().wait();
  ASSERT_TRUE(threads.Submit("a", [&](bool) { done.set_value(); }));
  done.get_future().wait();
  gate.Open();
}

TEST(CallThreadsTest, CallersTakeTurns) {
  Gate gate;
  std::promise<void> begun;
  std::promise<void> done;
  std::vector<std::string> order;  // of the one thread
  {
    CallThreads threads(1);
    ASSERT_TRUE(threads.Submit("a", gate.Hold(begun)));
    begun.get_future().wait();
    for (const char* call : {"a1", "a2", "a3"}) {
      ASSERT_TRUE(threads.Submit("a", [&order, call](bool) { order.emplace_back(call); }));
    }
    ASSERT_TRUE(threads.Submit("b", [&](bool) { order.emplace_back("b1"); }));
    ASSERT_TRUE(threads.Submit("c", [&](bool) { order.emplace_back("c1"); }));
    gate.Open();
    while (!threads.Submit("z", [&](bool) { done.set_value(); })) {
    }
    done.get_future().wait();
  }
  EXPECT_THAT(order, ElementsAre("b1", "c1", "a1", "a2", "a3"));
}

TEST(CallThreadsTest, TooManyOfOneCallerAreRefusedAndOfAnotherTaken) {
  Gate gate;
  std::promise<void> begun;
  CallThreads threads(1);
  ASSERT_TRUE(threads.Submit("a", gate.Hold(begun)));
  begun.get_future().wait();
  const auto nothing = [](bool) {};
  for (std::size_t i = 0; i < CallThreads::kWaitingPerCallerMax; ++i) {
    ASSERT_TRUE(threads.Submit("a", nothing));
  }
  EXPECT_FALSE(threads.Submit("a", nothing));
  EXPECT_TRUE(threads.Submit("b", nothing));
  gate.Open();
}

TEST(CallThreadsTest, AStopEndsWhatWaitsWithoutRunningIt) {
  Gate gate;
  std::promise<void> begun;
  std::promise<bool> ran;
  CallThreads threads(1);
  ASSERT_TRUE(threads.Submit("a", gate.Hold(begun)));
  begun.get_future().wait();
  ASSERT_TRUE(threads.Submit("a", [&](bool run) { ran.set_value(run); }));
  threads.Stop();
  gate.Open();
  EXPECT_FALSE(ran.get_future().get());
  EXPECT_FALSE(threads.Submit("a", [](bool) {}));
}

}  // namespace
}  // namespace echogw::server
