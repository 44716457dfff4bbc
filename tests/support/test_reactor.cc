#include "tests/support/test_reactor.h"

#include <chrono>
#include <utility>

#include "gtest/gtest.h"
#include "reactor/base/check.h"
#include "reactor/uring/uring_engine.h"
#include "tests/support/wait_until.h"

namespace echogw {

TestListener::TestListener(const ListenOptions& options, std::uint16_t at_port) {
  const ListenAddress address{.host = "127.0.0.1", .port = at_port};
  auto bound = BindListener(address, options);
  EXPECT_TRUE(bound.ok()) << bound.status();
  if (!bound.ok()) return;
  fd = std::move(*bound);
  const absl::Status listening = echogw::Listen(fd.get(), options, address);
  EXPECT_TRUE(listening.ok()) << listening;
  const auto local = LocalAddress(fd.get(), false);
  EXPECT_TRUE(local.ok()) << local.status();
  if (local.ok()) port = local->port;
}

TestReactor::TestReactor(const TestReactorOptions& options) : id_(options.reactor.id) {
  auto mailbox = Mailbox::Create();
  CHECK(mailbox.ok());
  mailbox_ = std::move(*mailbox);
  mailbox_->Open();
  const ReactorDeps deps{.counters = counters_,
                         .mailbox = *mailbox_,
                         .reports = reports_,
                         .events = events_,
                         .limiter = options.limiter != nullptr ? *options.limiter : own_limiter_,
                         .io = options.io != nullptr ? *options.io : kernel_io_,
                         .clock = options.clock != nullptr ? *options.clock : system_clock_,
                         .log = options.log != nullptr ? *options.log : log_,
                         .tls = options.tls,
                         .budget = options.io != nullptr ? options.budget : &own_budget_};
  auto reactor = Reactor::Create(options.reactor, deps);
  EXPECT_TRUE(reactor.ok()) << reactor.status();
  CHECK(reactor.ok());
  reactor_ = std::move(*reactor);
  if (options.deaf) return;
  listener_ = std::make_unique<TestListener>(options.listen);
  Listener listener = listener_->On(id_);
  listener.service = options.service;
  Post(AdoptListeners{.id = 0, .listeners = {listener}});
}

TestReactor::~TestReactor() { Finish(); }

void TestReactor::Post(Command command) { EXPECT_TRUE(mailbox_->Post(std::move(command))); }

bool TestReactor::Turn(Nanos wait_max) {
  if (!std::exchange(entered_, true)) reactor_->Enter();
  return reactor_->Turn(wait_max);
}

bool TestReactor::TurnUntil(const std::function<bool()>& done) {
  return TurnAllUntil({this}, done);
}

bool TurnAllUntil(const std::vector<TestReactor*>& reactors, const std::function<bool()>& done) {
  // Waits only after a quiet while: usually the test's client causes the next event between turns.
  constexpr int kQuietTurns = 50;
  const auto end = std::chrono::steady_clock::now() + kTestDeadline;
  int quiet = 0;
  std::uint64_t events_before = 0;
  while (!done()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::uint64_t events = 0;
    for (TestReactor* reactor : reactors) {
      reactor->Turn(quiet > kQuietTurns ? kNanosPerMilli : 0);
      events += reactor->counters().ready_events;
    }
    quiet = events == events_before ? quiet + 1 : 0;
    events_before = events;
  }
  return true;
}

std::optional<Report> TestReactor::FindReport(std::uint64_t id) {
  for (const Report& report : reports_.WaitFor(std::chrono::nanoseconds(0))) {
    received_.push_back(report);
  }
  for (const Report& report : received_) {
    if (report.id == id) return report;
  }
  return std::nullopt;
}

std::optional<Report> TestReactor::TurnUntilReport(std::uint64_t id) {
  std::optional<Report> found;
  EXPECT_TRUE(TurnUntil([&] {
    found = FindReport(id);
    return found.has_value();
  })) << "no report with id "
      << id;
  return found;
}

std::unique_ptr<TestClient> TestReactor::Connect(const TestClientOptions& options) {
  const std::uint64_t before = counters().connections_accepted;
  auto client = std::make_unique<TestClient>(port(), options);
  EXPECT_TRUE(TurnUntil([&] { return counters().connections_accepted > before; }));
  return client;
}

std::string TestReactor::Echo(TestClient& client, std::string_view bytes) {
  std::string_view left = bytes;
  EXPECT_TRUE(TurnUntil([&] {
    left.remove_prefix(client.SendSome(left));
    client.Pump();
    return client.received().size() >= bytes.size() || client.end() != TestClient::End::kOpen;
  })) << client.received().size()
      << " of " << bytes.size() << " bytes came back";
  return client.Receive(bytes.size());
}

void TestReactor::Start() {
  auto thread = ReactorThread::Start(*reactor_, id_, -1);
  EXPECT_TRUE(thread.ok()) << thread.status();
  CHECK(thread.ok());
  thread_ = std::move(*thread);
}

void TestReactor::Finish() {
  if (finished_) return;
  finished_ = true;
  static_cast<void>(mailbox_->Post(Stop{}));  // refused if it has already stopped
  if (thread_ != nullptr) {
    thread_->Join();
  } else {
    while (Turn()) {
    }
  }
  const CounterSnapshot s = counters();
  ExpectBalanced(s);
  EXPECT_EQ(s.connections_active, 0U);
  EXPECT_EQ(s.pending_bytes, 0U);
}

std::vector<PollerKind> ReadinessPollers() {
  return {PollerKind::kEpoll, PollerKind::kPoll, PollerKind::kSelect};
}

std::vector<PollerKind> AllPollers() {
  // Tested once: the test creates a ring, and the kernel interrupts waits when it removes it.
  static const bool io_uring = UringEngine::Available().ok();
  std::vector<PollerKind> all = {PollerKind::kEpoll, PollerKind::kPoll, PollerKind::kSelect};
  if (io_uring) all.push_back(PollerKind::kIoUring);
  return all;
}

void ExpectBalanced(const CounterSnapshot& s) {
  EXPECT_EQ(s.connections_accepted + s.connections_moved_in,
            s.closed_total() + s.connections_moved_out + s.connections_active);
}

}  // namespace echogw
