#include "server/handover/successor_process.h"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <unistd.h>

// glibc 2.36 forgets to say that these are C functions.
extern "C" {
#include <sys/pidfd.h>
}

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/handover/messages.h"
#include "server/handover/protocol.h"
#include "server/handover/successor_in_place.h"

namespace echogw::server {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

// It has everything by then, and only begins to serve.
constexpr seconds kServeTimeout{10};
// For the kernel to end a process.
constexpr int kEndTimeoutMs = 2000;

absl::StatusOr<pid_t> Spawn(const std::string& path, std::vector<std::string> arguments,
                            const UniqueFd& channel) {
  std::vector<std::string> environment = ProcessStart::EnvironmentForSuccessor();
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  ::posix_spawn_file_actions_adddup2(&actions, channel.get(), kTakeoverFd);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, path.c_str(), &actions, &attributes,
                                  Pointers(arguments).data(), Pointers(environment).data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (error != 0) return absl::ErrnoToStatus(error, absl::StrCat("cannot run ", path));
  return pid;
}

std::vector<SettingChange> Differences(const std::vector<Setting>& before,
                                       const handover::Ready& ready) {
  std::vector<SettingChange> out;
  for (const handover::Setting& now : ready.settings()) {
    SettingChange change{.key = now.key(), .after = {now.values().begin(), now.values().end()}};
    for (const Setting& setting : before) {
      if (setting.key == now.key()) change.before = setting.values;
    }
    if (change.before != change.after) out.push_back(std::move(change));
  }
  return out;
}

// Who may call the admin API must not be able to run a file of their own as the gateway's user.
absl::Status CheckTrusted(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot run ", path));
  }
  const bool owned = info.st_uid == 0 || info.st_uid == ::geteuid();
  if (owned && (info.st_mode & (S_IWGRP | S_IWOTH)) == 0) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat("cannot run ", path,
                   ": it must belong to root or to the gateway's user, and nobody else may write "
                   "to it (chmod go-w)"));
}

// A second process, over a socket.
class SuccessorProcess final : public Successor {
 public:
  SuccessorProcess(const HandoverSource& source, Channel channel, UniqueFd process)
      : source_(source), sender_(source, std::move(channel)), process_(std::move(process)) {}
  ~SuccessorProcess() override {
    if (told_to_serve_ || !process_.valid()) return;
    handover::Frame abort;
    abort.mutable_abort()->set_reason("the process before it serves on");
    (void)channel().Send(abort, {}, steady_clock::now());
    // It may be stopped, or not listen.
    (void)::pidfd_send_signal(process_.get(), SIGKILL, nullptr, 0);
    // Ports that it has opened are free when it has ended.
    pollfd ended{.fd = process_.get(), .events = POLLIN, .revents = 0};
    (void)::poll(&ended, 1, kEndTimeoutMs);
  }

  absl::Status Begin(const PoolSockets& sockets, Channel::Deadline deadline,
                     const std::atomic<bool>& cancelled) {
    const absl::Status sent = sender_.SendOffer(sockets, deadline);
    // It may have refused before it has read everything, and says why.
    auto received = channel().Receive(deadline, &cancelled);
    if (absl::Status s = Check(received, handover::Frame::kReady); !s.ok()) {
      return absl::IsUnavailable(s)
                 ? absl::FailedPreconditionError(
                       "the new process ended before it was ready; its error output says why")
                 : s;
    }
    if (!sent.ok()) return sent;
    ready_ = received->frame.ready();
    return absl::OkStatus();
  }

  [[nodiscard]] std::string name() const override {
    return ProcessName(ready_.pid(), ready_.version());
  }
  [[nodiscard]] bool in_place() const override { return false; }
  [[nodiscard]] std::vector<SettingChange> changes() const override {
    return Differences(source_.loaded.settings, ready_);
  }
  [[nodiscard]] std::vector<std::string> addresses_dropped() const override {
    return {ready_.addresses_dropped().begin(), ready_.addresses_dropped().end()};
  }

  absl::Status Send(const SlotConnections& connections) override {
    absl::Status s = sender_.SendConnections(connections);
    return s.ok() ? s : Why(s);
  }

  absl::StatusOr<std::vector<std::uint64_t>> Prepare(const PoolState& state) override {
    if (absl::Status s = sender_.SendState(state); !s.ok()) return Why(s);
    auto received = channel().Receive(StepDeadline());
    if (absl::Status s = Check(received, handover::Frame::kPrepared); !s.ok()) return s;
    const auto& refused = received->frame.prepared().refused();
    return std::vector<std::uint64_t>(refused.begin(), refused.end());
  }

  absl::Status Serve() override {
    if (absl::Status s = sender_.SendCommit(); !s.ok()) return absl::AbortedError(s.message());
    told_to_serve_ = true;
    source_.told_to_serve(static_cast<pid_t>(ready_.pid()));
    const auto received = channel().Receive(steady_clock::now() + kServeTimeout);
    // It may be slow, or stopped: it serves when it goes on.
    if (!absl::IsUnavailable(received.status())) return absl::OkStatus();
    source_.told_to_serve(::getpid());
    return received.status();
  }

  absl::Status Report(const std::vector<CounterSnapshot>& counters) override {
    handover::Frame frame;
    for (const CounterSnapshot& slot : counters) {
      ToProto(slot, *frame.mutable_counters()->add_slots()->mutable_counters());
    }
    if (!reporting_) return absl::UnavailableError("the channel has failed");
    absl::Status s = channel().Send(frame, {}, StepDeadline());
    // A part of the frame may have been sent: nothing can follow it.
    reporting_ = s.ok();
    if (!reporting_) channel().Shutdown();
    return s;
  }

 private:
  [[nodiscard]] const Channel& channel() const { return sender_.channel(); }

  static absl::Status Check(const absl::StatusOr<ReceivedFrame>& received,
                            handover::Frame::BodyCase expected) {
    if (!received.ok()) return received.status();
    const handover::Frame& frame = received->frame;
    if (frame.body_case() == expected) return absl::OkStatus();
    if (frame.has_refusal()) return absl::FailedPreconditionError(frame.refusal().reason());
    return absl::InvalidArgumentError("the new process sent an unexpected message");
  }

  // A send has failed. If the other side has refused, its reason says more.
  [[nodiscard]] absl::Status Why(const absl::Status& failed) const {
    const absl::Status reason =
        Check(channel().Receive(steady_clock::now() + seconds(1)), handover::Frame::BODY_NOT_SET);
    return absl::IsFailedPrecondition(reason) ? reason : failed;
  }

  const HandoverSource& source_;
  const Sender sender_;
  const UniqueFd process_;  // a pidfd
  handover::Ready ready_;
  bool told_to_serve_ = false;
  bool reporting_ = true;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Successor>> SuccessorProcesses::Launch(
    const UpgradeRequest& request, PoolSockets sockets,
    std::chrono::steady_clock::time_point deadline, const std::atomic<bool>& cancelled) {
  auto pair = Channel::MakePair();
  if (!pair.ok()) return pair.status();
  const std::string path = source_.start.BinaryFor(request);
  if (absl::Status s = CheckTrusted(path); !s.ok()) return s;
  const auto pid = Spawn(path, source_.start.ArgumentsFor(request, kTakeoverFd), pair->second);
  if (!pid.ok()) return pid.status();
  // Invalid if it has ended at once; then the channel says why.
  UniqueFd process(::pidfd_open(*pid, 0));
  pair->second.Reset();
  source_.log.Write(LogLevel::kInfo, absl::StrCat("upgrade: started process ", *pid, ", ", path));
  auto successor =
      std::make_unique<SuccessorProcess>(source_, std::move(pair->first), std::move(process));
  if (absl::Status s = successor->Begin(sockets, deadline, cancelled); !s.ok()) return s;
  // The end of PID 1 is the end of its container.
  if (!request.in_place && ::getpid() != 1) return successor;
  return MakeSuccessorInPlace(source_, request, *successor, std::move(sockets));
}

}  // namespace echogw::server
