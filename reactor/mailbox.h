// The only way into a reactor: commands from any thread, read on the reactor's thread. A mutex and
// a bounded vector suffice, because commands are rare and the loop touches them only when the
// eventfd fires.
//
// A mailbox belongs to a slot of the pool and outlives the reactors that run in that slot: it is
// open while one runs. Reports is the way back.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "reactor/base/counter.h"
#include "reactor/base/mutex.h"
#include "reactor/base/unique_fd.h"
#include "reactor/command.h"

namespace echogw {

class Mailbox {
 public:
  // The pool sends a handful; the rest are connections from other reactors, which keep theirs when
  // there is no room.
  static constexpr std::size_t kCommandsMax = 4096;

  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Mailbox>> Create();

  // Any thread. False when closed or full; the command is then still the caller's.
  [[nodiscard]] bool Post(Command&& command);

  // Likewise; if there is room, adds `n` to the caller's `posted` before the command can be taken,
  // so that the receiver counts later than the sender.
  [[nodiscard]] bool Post(Command&& command, Counter& posted, std::uint64_t n);

  // Likewise, ignoring the limit: for commands that are rare and must arrive. False when closed.
  [[nodiscard]] bool PostUnbounded(Command&& command);

  // Watched by the reactor's poller.
  [[nodiscard]] int event_fd() const noexcept { return event_.get(); }

  // Reactor's thread. All commands in order. Clears the event before it takes them: the other order
  // could leave a command without a wake-up.
  [[nodiscard]] std::vector<Command> Take();

  // Before a reactor starts in the slot.
  void Open();

  // Accepts no more commands; returns those that were not taken.
  [[nodiscard]] std::vector<Command> Close();

 private:
  explicit Mailbox(UniqueFd event) : event_(std::move(event)) {}
  [[nodiscard]] bool PostWithin(std::size_t most, Command&& command, Counter& posted,
                                std::uint64_t n);

  UniqueFd event_;
  Mutex mutex_;
  std::vector<Command> commands_ ECHOGW_GUARDED_BY(mutex_);
  bool open_ ECHOGW_GUARDED_BY(mutex_) = false;
};

// Reports of all reactors to the control thread.
class Reports {
 public:
  // Any thread.
  void Push(const Report& report);

  // All reports; waits for one if there are none. Returns none after `timeout` or an Interrupt.
  [[nodiscard]] std::vector<Report> WaitFor(std::chrono::nanoseconds timeout);

  // Makes the current or next WaitFor return.
  void Interrupt();

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<Report> reports_ ECHOGW_GUARDED_BY(mutex_);
  bool interrupted_ ECHOGW_GUARDED_BY(mutex_) = false;
};

}  // namespace echogw
