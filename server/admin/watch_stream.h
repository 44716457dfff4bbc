// A server stream that asks a source for its next message once per interval.
//
// It owns itself from Start() until gRPC reports that the call is done. Its life is one chain, of
// which exactly one link is under way at any time, on whatever thread gRPC runs it, or on that of
// the timers:
//
//   Turn -> write -> OnWriteDone -> timer -> Turn -> ... -> Finish -> OnDone
//
// A cancelled call and End() only leave a status behind, which the next link finds, and cut the
// wait for the timer short. So Finish happens once, and never beside a write. A stream that is
// ended while its last message is due still sends it.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "server/admin/grpc_status.h"
#include "server/admin/watch_registry.h"

namespace echogw::server {

// What a source wants to happen.
enum class WatchStep {
  kSkip,      // nothing changed
  kSend,      // send the message, go on
  kSendLast,  // send the message and end
  kEnd,       // end without a message
};

template <typename Response>
class WatchStream final : public grpc::ServerWriteReactor<Response>, public Watch {
 public:
  // Fills the message and says what to do with it. One call at a time, on any thread.
  using Source = std::function<WatchStep(Response& message)>;

  // The stream, for gRPC. If the registry refuses it, it ends at once with that status.
  static grpc::ServerWriteReactor<Response>* Start(WatchRegistry& registry,
                                                   std::chrono::nanoseconds interval,
                                                   Source source) {
    auto stream =
        std::shared_ptr<WatchStream>(new WatchStream(registry, interval, std::move(source)));
    stream->self_ = stream;
    const absl::Status added = registry.Add(stream);
    if (added.ok()) {
      stream->Turn();
    } else {
      stream->Finish(ToGrpcStatus(added));
    }
    return stream.get();
  }

  // A stream that only ends, with a status that is not OK.
  static grpc::ServerWriteReactor<Response>* Refuse(WatchRegistry& registry,
                                                    const absl::Status& status) {
    auto stream = std::shared_ptr<WatchStream>(
        new WatchStream(registry, std::chrono::nanoseconds(0), nullptr));
    stream->self_ = stream;
    stream->Finish(ToGrpcStatus(status));
    return stream.get();
  }

  void End(const grpc::Status& status) override {
    std::uint64_t timer = 0;
    {
      const std::lock_guard lock(mutex_);
      if (!end_) end_ = status;
      timer = timer_;
    }
    if (timer != 0) registry_.timers().FireNow(timer);
  }

  void OnCancel() override { End(grpc::Status::CANCELLED); }

  void OnWriteDone(bool ok) override {
    if (!ok) {
      // The call is broken; nobody sees the status.
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

  // The calls below end with the start of the next link, after which `this` may be gone.
  void Turn() {
    response_.Clear();
    const WatchStep step = source_(response_);
    last_ = step == WatchStep::kSendLast;
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
      const std::lock_guard lock(mutex_);
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

  // A steady beat; a beat that was missed, because the peer is slow, is left out.
  void SetTimer() {
    next_ = std::max(next_ + interval_, std::chrono::steady_clock::now());
    timer_ = registry_.timers().At(next_, [this] { OnTimer(); });
  }

  void OnTimer() {
    std::optional<grpc::Status> end;
    {
      const std::lock_guard lock(mutex_);
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
  std::shared_ptr<WatchStream> self_;

  // Guards what End() touches beside the chain.
  std::mutex mutex_;
  std::optional<grpc::Status> end_;
  std::uint64_t timer_ = 0;
};

}  // namespace echogw::server
