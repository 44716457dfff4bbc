#include <poll.h>

#include "reactor/base/unique_fd.h"
#include "reactor/poll/epoll_poller.h"
#include "reactor/poll/poll_poller.h"
#include "reactor/poll/poller.h"
#include "reactor/poll/select_poller.h"
#include "reactor/uring/uring_engine.h"

namespace echogw {

absl::StatusOr<std::unique_ptr<Poller>> Poller::Create(PollerKind kind, const PollerDeps& deps) {
  switch (kind) {
    case PollerKind::kEpoll:
      return EpollPoller::Create();
    case PollerKind::kPoll:
      return std::make_unique<PollPoller>();
    case PollerKind::kSelect:
      return std::make_unique<SelectPoller>();
    case PollerKind::kIoUring:
      return UringEngine::Create(deps);
  }
  return absl::InvalidArgumentError("no such poller");
}

PollerKind BestPoller() {
  if (UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC)); epoll.valid()) return PollerKind::kEpoll;
  if (::poll(nullptr, 0, 0) == 0) return PollerKind::kPoll;
  return PollerKind::kSelect;
}

const char* PollerName(PollerKind kind) {
  switch (kind) {
    case PollerKind::kEpoll:
      return "epoll";
    case PollerKind::kPoll:
      return "poll";
    case PollerKind::kSelect:
      return "select";
    case PollerKind::kIoUring:
      return "io_uring";
  }
  return "?";
}

}  // namespace echogw
