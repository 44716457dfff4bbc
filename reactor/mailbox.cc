#include "reactor/mailbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "reactor/base/check.h"

namespace echogw {

MovedConnection::~MovedConnection() {
  if (connection_.fd >= 0) ::close(connection_.fd);
  delete[] connection_.pending;
}

absl::StatusOr<std::unique_ptr<Mailbox>> Mailbox::Create() {
  UniqueFd event(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!event.valid()) return absl::ErrnoToStatus(errno, "eventfd");
  return std::unique_ptr<Mailbox>(new Mailbox(std::move(event)));
}

bool Mailbox::Post(Command&& command) {
  Counter unused;
  return Post(std::move(command), unused, 1);
}

bool Mailbox::Post(Command&& command, Counter& posted, std::uint64_t n) {
  return PostWithin(kCommandsMax, std::move(command), posted, n);
}

bool Mailbox::PostUnbounded(Command&& command) {
  Counter unused;
  return PostWithin(SIZE_MAX, std::move(command), unused, 1);
}

bool Mailbox::PostWithin(std::size_t most, Command&& command, Counter& posted, std::uint64_t n) {
  bool was_empty = false;
  {
    const MutexLock lock(mutex_);
    if (!open_ || commands_.size() >= most) return false;
    posted.Add(n);
    was_empty = commands_.empty();
    commands_.push_back(std::move(command));
  }
  if (was_empty) {
    const std::uint64_t one = 1;
    const ssize_t written = ::write(event_.get(), &one, sizeof(one));
    // EAGAIN would mean a count of 2^64 - 2, which wakes the reactor as well.
    CHECK(written == sizeof(one) || errno == EAGAIN);
  }
  return true;
}

std::vector<Command> Mailbox::Take() {
  std::uint64_t count = 0;
  const ssize_t n = ::read(event_.get(), &count, sizeof(count));
  CHECK(n == sizeof(count) || errno == EAGAIN);
  const MutexLock lock(mutex_);
  return std::exchange(commands_, {});
}

void Mailbox::Open() {
  const MutexLock lock(mutex_);
  CHECK(!open_ && commands_.empty());
  open_ = true;
}

std::vector<Command> Mailbox::Close() {
  const MutexLock lock(mutex_);
  open_ = false;
  return std::exchange(commands_, {});
}

void Reports::Push(const Report& report) {
  {
    const MutexLock lock(mutex_);
    reports_.push_back(report);
  }
  changed_.NotifyAll();
}

std::vector<Report> Reports::WaitFor(std::chrono::nanoseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const MutexLock lock(mutex_);
  while (!interrupted_ && reports_.empty() && changed_.WaitUntil(mutex_, deadline)) {
  }
  interrupted_ = false;
  return std::exchange(reports_, {});
}

void Reports::Interrupt() {
  {
    const MutexLock lock(mutex_);
    interrupted_ = true;
  }
  changed_.NotifyAll();
}

}  // namespace echogw
