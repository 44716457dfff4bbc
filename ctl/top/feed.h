// Keeps a stream of snapshots open, and opens it again for as long as it takes when it ends. Owns a
// thread; what comes is posted to an inbox, a loss as FeedLost once for each failed try.
#pragma once

#include <grpcpp/client_context.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "ctl/cli/duration.h"
#include "ctl/gateway/client.h"
#include "ctl/top/inbox.h"

namespace echogw::ctl::top {

class StatsFeed {
 public:
  // Takes target and timeout of the client. Client and inbox outlive the feed.
  StatsFeed(const Client& client, TopInbox& inbox, Duration interval);
  // Ends the stream and waits for the thread, which takes no longer than a cancelled call.
  ~StatsFeed();
  StatsFeed(const StatsFeed&) = delete;
  StatsFeed& operator=(const StatsFeed&) = delete;

 private:
  void Run();
  // On a channel of its own, until the stream ends. True when a snapshot came.
  bool Stream(grpc::ClientContext& call, std::string& reason);
  void AskInfo(Client& client);
  // Makes `call` the one that the destructor cancels; false when it is too late for a call.
  bool Begin(grpc::ClientContext* call);
  // False when the feed is to end.
  bool Wait(Duration time);

  const Client& client_;
  TopInbox& inbox_;
  const Duration interval_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Both under mutex_; the call lives on the thread's stack.
  bool stopping_ = false;
  grpc::ClientContext* call_ = nullptr;
  std::thread thread_;
};

// The part of an error that says what happened, without the advice after the semicolon.
std::string ShortError(const grpc::Status& status, const Client& client);

}  // namespace echogw::ctl::top
