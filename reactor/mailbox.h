// The only way into a reactor: commands from any thread, read by the reactor's thread. A mutex and
// a bounded vector, because commands are rare and the loop touches them only when the eventfd
// fires.
//
// A mailbox belongs to a slot of the pool and outlives the reactors that run in that slot: it is
// open while one runs. Reports is the way back.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "reactor/base/counter.h"
#include "reactor/base/unique_fd.h"
#include "reactor/command.h"

namespace echogw {

class Mailbox {
 public:
  // Commands that may wait. The pool sends a handful; the rest are connections from other
  // reactors, which keep theirs when there is no room.
  static constexpr std::size_t kCommandsMax = 4096;

  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Mailbox>> Create();

  // Any thread. False when closed or full; the command is then still the caller's.
  [[nodiscard]] bool Post(Command&& command);

  // The same, and adds `n` to `posted` if there is room, before anybody can take the command: who
  // counts at the other end counts later. `posted` is the caller's.
  [[nodiscard]] bool Post(Command&& command, Counter& posted, std::uint64_t n);

  // The same, whether or not there is room: for what is rare and must arrive. False when closed.
  [[nodiscard]] bool PostUnbounded(Command&& command);

  // Watched by the reactor's poller.
  [[nodiscard]] int event_fd() const noexcept { return event_.get(); }

  // Reactor's thread. All commands in the order they came. Clears the event first and takes the
  // batch after that: the other order can leave a command that nobody is woken for.
  [[nodiscard]] std::vector<Command> Take();

  // Before a reactor starts in the slot.
  void Open();

  // No command is accepted from here on; those that wait are returned.
  [[nodiscard]] std::vector<Command> Close();

 private:
  [[nodiscard]] bool PostWithin(std::size_t most, Command&& command, Counter& posted,
                                std::uint64_t n);
  explicit Mailbox(UniqueFd event) : event_(std::move(event)) {}

  UniqueFd event_;
  std::mutex mutex_;
  std::vector<Command> commands_;  // under mutex_
  bool open_ = false;              // under mutex_
};

// Reports of all reactors to the control thread.
class Reports {
 public:
  // Any thread.
  void Push(const Report& report);

  // All reports, at once if there are some, else when one comes, Interrupt is called, or `timeout`
  // has passed (then none).
  [[nodiscard]] std::vector<Report> WaitFor(std::chrono::nanoseconds timeout);

  // Makes the present or next WaitFor return.
  void Interrupt();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Report> reports_;  // under mutex_
  bool interrupted_ = false;     // under mutex_
};

}  // namespace echogw
