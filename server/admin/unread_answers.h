// Answers of calls that their callers have not read yet. gRPC keeps them, without a bound of its
// own, for as long as a caller does not read; here their memory is bounded: when there is no room,
// the oldest ones are cancelled. The admin service owns it. Any thread.
#pragma once

#include <google/protobuf/message.h>
#include <grpcpp/support/server_callback.h>

#include <cstddef>
#include <list>

#include "absl/status/status.h"
#include "reactor/base/mutex.h"

struct grpc_call;

namespace echogw::server {

class UnreadAnswers {
 public:
  explicit UnreadAnswers(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  UnreadAnswers(const UnreadAnswers&) = delete;
  UnreadAnswers& operator=(const UnreadAnswers&) = delete;
  ~UnreadAnswers();

  // A call for gRPC, which ends it. It deletes itself.
  class Call final : public grpc::ServerUnaryReactor {
   public:
    // Sends `answer`, which outlives the call as gRPC provides it, or the error. Once.
    void End(const google::protobuf::Message& answer, const absl::Status& status);

   private:
    friend class UnreadAnswers;
    Call(UnreadAnswers& answers, grpc::CallbackServerContext& context)
        : answers_(answers), context_(context) {}
    void OnDone() override;

    UnreadAnswers& answers_;
    grpc::CallbackServerContext& context_;
    // Guarded by the mutex of `answers_`.
    std::size_t bytes_ = 0;
    std::list<Call*>::iterator at_;
  };

  [[nodiscard]] Call* Begin(grpc::CallbackServerContext& context) {
    return new Call(*this, context);
  }

  [[nodiscard]] std::size_t bytes() const;

 private:
  void Add(Call& call, std::size_t bytes);
  void Remove(Call& call);

  const std::size_t bytes_max_;
  mutable Mutex mutex_;
  std::list<Call*> unread_ ECHOGW_GUARDED_BY(mutex_);  // oldest first
  std::size_t bytes_ ECHOGW_GUARDED_BY(mutex_) = 0;
};

}  // namespace echogw::server
