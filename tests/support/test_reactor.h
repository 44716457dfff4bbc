// A reactor and its dependencies on loopback sockets, stepped turn by turn on the test's thread or
// running on its own thread. Checks its counters when it ends.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "reactor/net/socket.h"
#include "reactor/reactor.h"
#include "reactor/reactor_thread.h"
#include "tests/support/recording_log.h"
#include "tests/support/test_client.h"

namespace echogw {

// A listening socket on loopback; port 0: selected by the kernel. It outlives the reactors that use
// it.
struct TestListener {
  explicit TestListener(const ListenOptions& options = {}, std::uint16_t at_port = 0);
  [[nodiscard]] Listener On(std::uint32_t slot) const { return {.fd = fd.get(), .slot = slot}; }

  UniqueFd fd;
  std::uint16_t port = 0;
};

struct TestReactorOptions {
  ReactorOptions reactor;
  ListenOptions listen;
  // Null: the kernel's, the machine's, one that records warnings.
  SocketIo* io = nullptr;
  // With an `io`; without one it has its own.
  FdBudget* budget = nullptr;
  Clock* clock = nullptr;
  TlsContext* tls = nullptr;
  LogSink* log = nullptr;
  // Null: its own.
  ConnectionLimiter* limiter = nullptr;
  // For its own listener.
  Service service;
  // Without its own listener.
  bool deaf = false;
};

class TestReactor {
 public:
  explicit TestReactor(const TestReactorOptions& options = {});
  TestReactor(const TestReactor&) = delete;
  TestReactor& operator=(const TestReactor&) = delete;
  // Stops it if it is running.
  ~TestReactor();

  [[nodiscard]] std::uint16_t port() const { return listener_->port; }
  [[nodiscard]] const TestListener& listener() const { return *listener_; }
  [[nodiscard]] Mailbox& mailbox() { return *mailbox_; }
  [[nodiscard]] Reports& reports() { return reports_; }
  [[nodiscard]] EventRing& events() { return events_; }
  [[nodiscard]] CounterSnapshot counters() const { return counters_.Read(); }
  [[nodiscard]] std::uint64_t closed(CloseReason reason) const {
    return counters().connections_closed[static_cast<std::size_t>(reason)];
  }
  [[nodiscard]] std::uint64_t rejected(RejectReason reason) const {
    return counters().connections_rejected[static_cast<std::size_t>(reason)];
  }
  [[nodiscard]] RecordingLog& log() { return log_; }

  void Post(Command command);
  // The report with this id, if it has arrived.
  [[nodiscard]] std::optional<Report> FindReport(std::uint64_t id);

  // ---- stepped, on the test's thread ----

  // One turn that waits at most `wait_max`.
  bool Turn(Nanos wait_max = 0);
  // Turns until `done` holds; false after a timeout.
  [[nodiscard]] bool TurnUntil(const std::function<bool()>& done);
  // Turns until the report with this id has arrived.
  [[nodiscard]] std::optional<Report> TurnUntilReport(std::uint64_t id);
  // Connects a client and turns until it is accepted.
  [[nodiscard]] std::unique_ptr<TestClient> Connect(const TestClientOptions& options = {});
  // Sends, and turns until as much is received; returns it.
  [[nodiscard]] std::string Echo(TestClient& client, std::string_view bytes);

  // ---- on its own thread ----
  void Start();

  // Either way: ends the reactor and checks that its counters balance and nothing is left.
  void Finish();

 private:
  SystemClock system_clock_;
  FdBudget own_budget_;
  KernelSocketIo kernel_io_{&own_budget_};
  RecordingLog log_;
  Counters counters_;
  Reports reports_;
  EventRing events_;
  ConnectionLimiter own_limiter_;
  std::unique_ptr<Mailbox> mailbox_;
  std::unique_ptr<TestListener> listener_;
  std::unique_ptr<Reactor> reactor_;
  std::unique_ptr<ReactorThread> thread_;
  std::vector<Report> received_;
  std::uint32_t id_ = 0;
  bool entered_ = false;
  bool finished_ = false;
};

// Steps several reactors in turn until `done` holds; false after a timeout.
[[nodiscard]] bool TurnAllUntil(const std::vector<TestReactor*>& reactors,
                                const std::function<bool()>& done);

// accepted + moved in == closed + moved out + active.
void ExpectBalanced(const CounterSnapshot& counters);

// Every available poller: io_uring may be blocked or the kernel too old.
[[nodiscard]] std::vector<PollerKind> AllPollers();

// Without engines that prefetch: those that support services and byte limits.
[[nodiscard]] std::vector<PollerKind> ReadinessPollers();

}  // namespace echogw
