// Shared by the tests of limits: reactors with a manual clock, and changes at run time.
#pragma once

#include <chrono>
#include <cstdint>

#include "reactor/base/timer_wheel.h"
#include "tests/support/manual_clock.h"
#include "tests/unit/reactor/reactor_test_base.h"

namespace echogw {

// Ages have a resolution of 10 ms, timers of one tick.
inline constexpr Nanos kSlack = 10 * kNanosPerMilli + 2 * TimerWheel::kTick;

class LimitsTestBase : public ReactorTest {
 protected:
  [[nodiscard]] TestReactorOptions Limited(const Limits& limits, bool tight = false) {
    TestReactorOptions options = tight ? TightOptions() : Options();
    options.clock = &clock_;
    options.reactor.limits = limits;
    return options;
  }

  static void Turns(TestReactor& reactor, int n = 5) {
    for (int i = 0; i < n; ++i) reactor.Turn();
  }

  void Pass(TestReactor& reactor, Nanos time) {
    clock_.Advance(time);
    Turns(reactor);
  }

  void Set(TestReactor& reactor, const Limits& limits) {
    replies_.Expect(++command_);
    reactor.Post(SetLimits{.id = command_, .reply = &replies_, .limits = limits});
    Turns(reactor);
    EXPECT_TRUE(replies_.WaitFor(command_, std::chrono::nanoseconds(0)).has_value());
  }

  // Turns until the client sees its end; then it closes.
  static TestClient::End EndOf(TestReactor& reactor, TestClient& client) {
    (void)ReadOut({&reactor}, client);
    return client.end();
  }

  ManualClock clock_;
  PendingReplies replies_;
  std::uint64_t command_ = 0;
};

}  // namespace echogw
