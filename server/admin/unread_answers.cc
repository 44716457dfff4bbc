#include "server/admin/unread_answers.h"

#include <grpc/grpc.h>
#include <grpcpp/server_context.h>

#include <vector>

#include "reactor/base/check.h"
#include "server/admin/grpc_status.h"

namespace echogw::server {
namespace {

// What gRPC keeps for a call beside its answer, about.
constexpr std::size_t kCallBytes = 4096;

}  // namespace

UnreadAnswers::~UnreadAnswers() { CHECK(unread_.empty()); }

void UnreadAnswers::Call::End(const google::protobuf::Message& answer, const absl::Status& status) {
  // The message lives as long as its serialized form.
  answers_.Add(*this, status.ok() ? answer.SpaceUsedLong() + answer.ByteSizeLong() : 0);
  Finish(ToGrpcStatus(status));
}

void UnreadAnswers::Call::OnDone() {
  answers_.Remove(*this);
  delete this;
}

void UnreadAnswers::Add(Call& call, std::size_t bytes) {
  std::vector<grpc_call*> cancelled;
  {
    const MutexLock lock(mutex_);
    call.bytes_ = bytes + kCallBytes;
    bytes_ += call.bytes_;
    std::size_t left = bytes_;
    for (auto oldest = unread_.begin(); oldest != unread_.end() && left > bytes_max_; ++oldest) {
      left -= (*oldest)->bytes_;
      // A reference, because its end may come first.
      grpc_call* const core = (*oldest)->context_.c_call();
      ::grpc_call_ref(core);
      cancelled.push_back(core);
    }
    call.at_ = unread_.insert(unread_.end(), &call);
  }
  for (grpc_call* const core : cancelled) {
    ::grpc_call_cancel_with_status(core, GRPC_STATUS_RESOURCE_EXHAUSTED,
                                   "the answer was not read, and others need its memory", nullptr);
    ::grpc_call_unref(core);
  }
}

void UnreadAnswers::Remove(Call& call) {
  const MutexLock lock(mutex_);
  bytes_ -= call.bytes_;
  unread_.erase(call.at_);
}

std::size_t UnreadAnswers::bytes() const {
  const MutexLock lock(mutex_);
  return bytes_;
}

}  // namespace echogw::server
