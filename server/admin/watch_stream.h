// A server stream that asks a source for its next message once per interval.
//
// It owns itself from Start() until gRPC reports that the call is done. It is a chain of steps, one
// at a time, on threads of gRPC or of the timers:
//
//   Turn -> write -> OnWriteDone -> timer -> Turn -> ... -> Finish -> OnDone
//
// A cancelled call and End() only store a status, which the next step finds, and fire the timer. So
// Finish is called once, and never during a write. A stream that is ended when its last message is
// due still sends it.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "reactor/base/mutex.h"
#include "server/admin/grpc_status.h"
#include "server/admin/watch_registry.h"

namespace echogw::server {

// What to do with the message of a source.
enum class WatchStep {
  kSkip,      // nothing changed
  kSend,      // send the message and continue
  kSendMore,  // send the message, and ask for the next without waiting for the interval
  kSendLast,  // send the message and end
  kEnd,       // end without a message
};

template <typename Response>
class WatchStream final : public grpc::ServerWriteReactor<Response>, public Watch {
 public:
  // Fills the message. One call at a time, on any thread.
  using Source = std::function<WatchStep(Response& message)>;

  // The stream, for gRPC. If the registry refuses it, it ends at once with that status.
  static grpc::ServerWriteReactor<Response>* Start(WatchRegistry& registry,
                                                   std::chrono::nanoseconds interval,
                                                   Source source) {
    WatchStream* stream = Make(registry, interval, std::move(source));
    if (const absl::Status added = registry.Add(stream->self_); !added.ok()) {
      stream->Finish(ToGrpcStatus(added));
    } else {
      stream->Turn();
    }
    return stream;
  }

  // A stream that ends at once with an error.
  static grpc::ServerWriteReactor<Response>* Refuse(WatchRegistry& registry,
                                                    const absl::Status& status) {
    WatchStream* stream = Make(registry, std::chrono::nanoseconds(0), nullptr);
    stream->Finish(ToGrpcStatus(status));
    return stream;
  }

  void End(const grpc::Status& status) override {
    std::uint64_t timer = 0;
    {
      const MutexLock lock(mutex_);
      if (!end_) end_ = status;
      timer = timer_;
    }
    if (timer != 0) registry_.timers().FireNow(timer);
  }

  void OnCancel() override { End(grpc::Status::CANCELLED); }

  void OnWriteDone(bool ok) override {
    if (!ok) {
      // The call is broken; the client does not see the status.
      this->Finish(grpc::Status::CANCELLED);
    } else if (last_) {
      this->Finish(grpc::Status::OK);
    } else {
      Wait();
    }
  }

  void OnDone() override {
    registry_.Remove(this);
    const std::shared_ptr<WatchStream> last_reference = std::move(self_);
  }

 private:
  WatchStream(WatchRegistry& registry, std::chrono::nanoseconds interval, Source source)
      : registry_(registry),
        interval_(interval),
        next_(std::chrono::steady_clock::now()),
        source_(std::move(source)) {}

  static WatchStream* Make(WatchRegistry& registry, std::chrono::nanoseconds interval,
                           Source source) {
    std::shared_ptr<WatchStream> stream(new WatchStream(registry, interval, std::move(source)));
    stream->self_ = stream;
    return stream.get();
  }

  // The calls below end by starting the next step, after which `this` may be gone.
  void Turn() {
    response_.Clear();
    const WatchStep step = source_(response_);
    last_ = step == WatchStep::kSendLast;
    more_ = step == WatchStep::kSendMore;
    if (step == WatchStep::kEnd) {
      this->Finish(grpc::Status::OK);
    } else if (step == WatchStep::kSkip) {
      Wait();
    } else {
      this->StartWrite(&response_);
    }
  }

  void Wait() {
    std::optional<grpc::Status> end;
    {
      const MutexLock lock(mutex_);
      end = end_;
      if (!end) SetTimer();
    }
    if (end) Leave(*end);
  }

  void Leave(const grpc::Status& status) {
    response_.Clear();
    last_ = source_(response_) == WatchStep::kSendLast;
    if (last_) {
      this->StartWrite(&response_);
    } else {
      this->Finish(status);
    }
  }

  // At a steady rate; a turn that was missed because the client is slow is skipped.
  void SetTimer() ECHOGW_REQUIRES(mutex_) {
    const auto now = std::chrono::steady_clock::now();
    next_ = more_ ? now : std::max(next_ + interval_, now);
    timer_ = registry_.timers().At(next_, [this] { OnTimer(); });
  }

  void OnTimer() {
    std::optional<grpc::Status> end;
    {
      const MutexLock lock(mutex_);
      end = end_;
      timer_ = 0;
    }
    if (end) {
      Leave(*end);
    } else {
      Turn();
    }
  }

  WatchRegistry& registry_;
  const std::chrono::nanoseconds interval_;
  std::chrono::steady_clock::time_point next_;
  const Source source_;
  Response response_;
  bool last_ = false;
  bool more_ = false;
  std::shared_ptr<WatchStream> self_;

  // Guards what End() shares with the chain.
  Mutex mutex_;
  std::optional<grpc::Status> end_ ECHOGW_GUARDED_BY(mutex_);
  std::uint64_t timer_ ECHOGW_GUARDED_BY(mutex_) = 0;
};

}  // namespace echogw::server
