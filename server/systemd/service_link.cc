#include "server/systemd/service_link.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace echogw::server {

ServiceLink::ServiceLink(const NotifyVariables& variables, const Control& control,
                         ConnectionControl& connections, TimerThread& timers, LogSink& log)
    : control_(control), connections_(connections), timers_(timers), log_(log) {
  auto notifier = ServiceNotifier::Create(variables);
  if (notifier.ok()) {
    notifier_ = *std::move(notifier);
    return;
  }
  log_.Write(LogLevel::kWarning, absl::StrCat("the service manager is not notified: ",
                                              std::string(notifier.status().message())));
}

void ServiceLink::Ready(const std::string& status) {
  ready_.store(true);
  Sent(notifier_.Ready(status));
  if (const auto interval = notifier_.watchdog_interval()) {
    // The last beat of a process before this one may be an interval ago.
    Beat();
    heartbeat_ = timers_.Every(*interval, [this] { Beat(); });
  }
}

void ServiceLink::PassTo(pid_t pid) {
  if (notifier_.watchdog_interval()) Sent(notifier_.Alive());
  ready_.store(pid == ::getpid());
  Sent(notifier_.PassTo(pid));
}

void ServiceLink::Status(const std::string& status) {
  if (ready_.load()) Sent(notifier_.Status(status));
}

void ServiceLink::Stopping(const std::string& status, std::chrono::nanoseconds limit) {
  Sent(notifier_.Stopping(status, std::chrono::ceil<std::chrono::microseconds>(limit)));
}

void ServiceLink::Beat() {
  for (const ReactorStats& reactor : control_.Stats().reactors) {
    if (reactor.state == ReactorState::kParked) continue;
    const absl::Status answer = connections_.Ping(reactor.id);
    if (answer.ok()) continue;
    log_.Write(LogLevel::kError, absl::StrCat("no heartbeat is sent to the service manager: ",
                                              std::string(answer.message())));
    return;
  }
  Sent(notifier_.Alive());
}

void ServiceLink::Sent(const absl::Status& sent) {
  const bool failed = !sent.ok();
  if (failing_.exchange(failed) == failed || !failed) return;
  log_.Write(LogLevel::kWarning,
             absl::StrCat("cannot notify the service manager: ", std::string(sent.message())));
}

}  // namespace echogw::server
