// What the tests of `top` share: snapshots that grow as those of the fake gateway do, and a view
// whose clock stands still.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/top/ui.h"
#include "tests/unit/ctl/fake_gateway.h"

namespace echogw::ctl::top {

// SampleStats() `seconds` later: on every reactor each second brings 1000 reads of 64 bytes, 10
// connections, and a quarter of a second of work.
inline admin::v1::GetStatsResponse StatsAfter(std::uint64_t seconds) {
  admin::v1::GetStatsResponse stats = SampleStats();
  const auto grow = [seconds](admin::v1::Counters& counters) {
    counters.set_connections_accepted(counters.connections_accepted() + 10 * seconds);
    counters.set_reads(counters.reads() + 1000 * seconds);
    counters.set_received_bytes(counters.received_bytes() + 64'000 * seconds);
    counters.set_sent_bytes(counters.sent_bytes() + 64'000 * seconds);
    counters.set_ready_events(counters.ready_events() + 1000 * seconds);
    counters.set_wakeups(counters.wakeups() + 500 * seconds);
    counters.set_loop_busy_nanoseconds(counters.loop_busy_nanoseconds() + 250'000'000 * seconds);
    counters.set_loop_wait_nanoseconds(counters.loop_wait_nanoseconds() + 750'000'000 * seconds);
  };
  const auto whole = static_cast<std::int64_t>(seconds);
  stats.mutable_uptime()->set_seconds(stats.uptime().seconds() + whole);
  stats.mutable_time()->set_seconds(stats.time().seconds() + whole);
  stats.set_process_cpu_nanoseconds(stats.process_cpu_nanoseconds() + 500'000'000 * seconds);
  for (admin::v1::Reactor& reactor : *stats.mutable_reactors()) {
    // Nothing happens on a parked one.
    if (reactor.state() != admin::v1::REACTOR_STATE_PARKED) grow(*reactor.mutable_counters());
  }
  grow(*stats.mutable_total());
  return stats;
}

// A view with the keys of a test's choice, drawn as text.
class UiDriver {
 public:
  explicit UiDriver(const std::string& target = "127.0.0.1:7001")
      : ui(target, std::chrono::seconds(1)) {}

  // Two snapshots, so that there are rates.
  void Feed() {
    ui.Receive(SampleInfo(), now);
    ui.Receive(StatsAfter(0), now);
    ui.Receive(StatsAfter(1), now);
  }
  // Each character is a key; '\n' is Enter, '\x1b' Esc, '\b' Backspace.
  void Type(std::string_view keys) {
    for (const char c : keys) {
      Key key{Key::Code::kChar, c};
      if (c == '\n') key = {Key::Code::kEnter, 0};
      if (c == '\x1b') key = {Key::Code::kEscape, 0};
      if (c == '\b') key = {Key::Code::kBackspace, 0};
      ui.Press(key, now);
    }
  }
  void Press(Key::Code code) { ui.Press({code, 0}, now); }
  void Pass(std::chrono::milliseconds time) {
    now += time;
    ui.Tick(now);
  }
  std::string Screen(int width = 80, int height = 24, bool utf8 = true) {
    CellGrid grid(width, height);
    ui.Draw(grid, now);
    return grid.Text(utf8);
  }
  // One row of the screen, without its line end.
  std::string Row(int y, int width = 80, int height = 24) {
    const std::string screen = Screen(width, height);
    std::size_t begin = 0;
    for (; y > 0; --y) begin = screen.find('\n', begin) + 1;
    return screen.substr(begin, screen.find('\n', begin) - begin);
  }
  // The only request; a test that expects another number of them fails.
  template <typename Request>
  Request Sent() {
    std::vector<TopRequest> requests = ui.TakeRequests();
    EXPECT_EQ(requests.size(), 1U);
    if (requests.empty() || !std::holds_alternative<Request>(requests[0])) {
      ADD_FAILURE() << "not the request that was expected";
      return {};
    }
    return std::get<Request>(requests[0]);
  }
  bool SentNothing() { return ui.TakeRequests().empty(); }

  TopUi ui;
  TopClock::time_point now{std::chrono::hours(1)};
};

// A row for each of so many connections of reactor 1, the largest first.
inline admin::v1::ListConnectionsResponse SampleConnections(int count) {
  admin::v1::ListConnectionsResponse response;
  for (int i = 0; i < count; ++i) {
    admin::v1::Connection& c = *response.add_connections();
    c.set_id(static_cast<std::uint64_t>(1000 + i));
    c.set_reactor(1);
    c.set_state(i == 1 ? admin::v1::CONNECTION_STATE_BLOCKED : admin::v1::CONNECTION_STATE_OPEN);
    c.set_peer("192.168.1.7:" + std::to_string(40'000 + i));
    c.set_mode("echo");
    c.set_local("127.0.0.1:7000");
    c.mutable_age()->set_seconds(125 + i);
    c.mutable_idle()->set_nanos(12'500'000);
    c.set_received_bytes(static_cast<std::uint64_t>(1'536'000 - 1000 * i));
    c.set_sent_bytes(512);
    c.set_pending_bytes(i == 1 ? 4096 : 0);
  }
  response.set_total(static_cast<std::uint64_t>(count));
  return response;
}

inline admin::v1::Event SampleEvent(std::uint64_t id, admin::v1::EventSeverity severity,
                                    const std::string& kind, const std::string& message) {
  admin::v1::Event event;
  event.set_id(id);
  event.mutable_time()->set_seconds(1'700'000'000 + static_cast<std::int64_t>(id));
  event.set_severity(severity);
  event.set_kind(kind);
  event.set_actor("ipv4:127.0.0.1:51234");
  event.set_message(message);
  event.set_operation(id == 2 ? 7 : 0);
  return event;
}

}  // namespace echogw::ctl::top
