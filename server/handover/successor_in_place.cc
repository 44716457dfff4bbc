#include "server/handover/successor_in_place.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

namespace echogw::server {
namespace {

class SuccessorInPlace final : public Successor {
 public:
  SuccessorInPlace(const HandoverSource& source, Channel file, const UpgradeRequest& request,
                   const Successor& tried, PoolSockets sockets)
      : start_(source.start),
        request_(request),
        sender_(source, std::move(file)),
        name_(tried.name()),
        changes_(tried.changes()),
        dropped_(tried.addresses_dropped()),
        sockets_(std::move(sockets)),
        keep_(sender_.Descriptors(sockets_)) {}

  [[nodiscard]] std::string name() const override {
    return absl::StrCat("the binary that ", name_, " has tried");
  }
  [[nodiscard]] bool in_place() const override { return true; }
  [[nodiscard]] std::vector<SettingChange> changes() const override { return changes_; }
  [[nodiscard]] std::vector<std::string> addresses_dropped() const override { return dropped_; }

  absl::Status Send(const SlotConnections& connections) override {
    for (const MovedConnection& c : connections.connections) keep_.push_back(c.peek().fd);
    return Begin([&] { return sender_.SendConnections(connections); });
  }
  absl::StatusOr<std::vector<std::uint64_t>> Prepare(const PoolState& state) override {
    if (absl::Status s = Begin([&] { return sender_.SendState(state); }); !s.ok()) return s;
    return std::vector<std::uint64_t>();
  }
  absl::Status Serve() override {
    absl::Status s = sender_.SendCommit();
    if (s.ok()) s = sender_.channel().Rewind();
    if (s.ok()) s = Execute();
    return absl::AbortedError(s.message());
  }
  absl::Status Report(const std::vector<CounterSnapshot>& /*counters*/) override {
    return absl::OkStatus();
  }

 private:
  // The offer is the first frame.
  template <typename Send>
  absl::Status Begin(Send send) {
    if (!std::exchange(begun_, true)) {
      if (absl::Status s = sender_.SendOffer(sockets_, StepDeadline()); !s.ok()) return s;
    }
    return send();
  }

  // Returns only if it fails.
  absl::Status Execute() {
    const UniqueFd file(::fcntl(sender_.channel().fd(), F_DUPFD_CLOEXEC, 0));
    const std::string path = start_.BinaryFor(request_);
    std::vector<std::string> arguments = start_.ArgumentsFor(request_, file.get());
    std::vector<std::string> environment = ProcessStart::EnvironmentForSuccessor();
    keep_.push_back(file.get());
    const auto keep = [this](bool open) {
      for (const int fd : keep_) (void)::fcntl(fd, F_SETFD, open ? 0 : FD_CLOEXEC);
    };
    keep(true);
    ::execve(path.c_str(), Pointers(arguments).data(), Pointers(environment).data());
    absl::Status s = absl::ErrnoToStatus(errno, absl::StrCat("cannot execute ", path));
    keep(false);
    return s;
  }

  const ProcessStart& start_;
  const UpgradeRequest request_;
  const Sender sender_;
  const std::string name_;
  const std::vector<SettingChange> changes_;
  const std::vector<std::string> dropped_;
  const PoolSockets sockets_;
  std::vector<int> keep_;
  bool begun_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Successor>> MakeSuccessorInPlace(const HandoverSource& source,
                                                                const UpgradeRequest& request,
                                                                const Successor& tried,
                                                                PoolSockets sockets) {
  auto file = Channel::MakeFile();
  if (!file.ok()) return file.status();
  return std::make_unique<SuccessorInPlace>(source, *std::move(file), request, tried,
                                            std::move(sockets));
}

}  // namespace echogw::server
