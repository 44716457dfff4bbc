// ConnectionDriver: what happens on a connection: it connects, sends messages, compares the echo,
// and ends, with or without an error that is counted. One client thread; an error ends one
// connection.
//
// A message costs one send, one recv and a part of an epoll_wait: descriptors are watched
// edge-triggered for everything from the start, a recv that is shorter than the buffer ends the
// reading, and nothing is allocated.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "ctl/engine/connection_slots.h"
#include "ctl/engine/event_wait.h"
#include "ctl/engine/measured_window.h"
#include "ctl/engine/options.h"
#include "ctl/engine/pattern.h"
#include "ctl/engine/result.h"
#include "ctl/engine/schedule.h"

namespace echogw::ctl::load {

class ConnectionDriver {
 public:
  // Messages stop when `window` closes. All references outlive the driver.
  ConnectionDriver(const LoadOptions& options, const Pattern& pattern, const LoadShare& share,
                   ConnectionSlots& slots, Schedule& schedule, const MeasuredWindow& window,
                   const EventWait& wait);

  // Connects an idle slot. In churn, the latency of its message counts from `cycle_began`.
  void Connect(LoadTime now, LoadTime cycle_began);
  void Handle(LoadConnection& connection, std::uint32_t events);
  // Starts the messages of an open stream; with a rate, one more is due on it.
  void Begin(LoadConnection& connection, LoadTime now);
  void AddDue(LoadConnection& connection, LoadTime now);
  // Sends FIN, because all answers are in, and waits for that of the server.
  void Finish(LoadConnection& connection);
  void Fail(LoadConnection& connection, ErrorKind kind, int error, std::string text = "");
  // The slot of a churn load is idle again.
  void Close(LoadConnection& connection);

  [[nodiscard]] LoadResult& result() { return result_; }
  [[nodiscard]] const LoadResult& result() const { return result_; }
  // Messages that are due and not completed, over all connections.
  [[nodiscard]] std::uint64_t unanswered() const { return unanswered_; }

 private:
  // False until the handshake is done, if there is one.
  [[nodiscard]] bool Handshake(LoadConnection& connection);
  void OnConnected(LoadConnection& connection);
  void Read(LoadConnection& connection, bool until_empty);
  // The number of bytes of the banner among the first `size` of the buffer.
  [[nodiscard]] std::size_t SkipBanner(LoadConnection& connection, std::size_t size) const;
  // False when the connection is no longer open.
  [[nodiscard]] bool Consume(LoadConnection& connection, const char* bytes, std::size_t size);
  void CompleteMessage(LoadConnection& connection, LoadTime now);
  // When the oldest unanswered message was sent or, with a rate, due.
  [[nodiscard]] LoadTime BeginOfOldest(LoadConnection& connection, LoadTime now);
  void IssueDue(LoadConnection& connection, LoadTime now);
  void Send(LoadConnection& connection);
  void OnEof(LoadConnection& connection);
  // Frees what the connection holds; the slot is released by the caller.
  void CloseSocket(LoadConnection& connection);
  void NoteSlow(const LoadConnection& connection, SlowConnection::What what, Duration took);
  [[nodiscard]] bool churn() const { return options_.mode == LoadMode::kChurn; }

  const LoadOptions& options_;
  const Pattern& pattern_;
  const std::size_t first_;
  ConnectionSlots& slots_;
  Schedule& schedule_;
  const MeasuredWindow& window_;
  const EventWait& wait_;
  // When each unanswered message was sent: depth places a connection. Closed-loop streams only.
  std::vector<LoadTime> send_times_;
  std::vector<char> buffer_;
  std::uint64_t next_serial_;
  std::uint64_t unanswered_ = 0;
  LoadResult result_;
};

}  // namespace echogw::ctl::load
