// Keeps a stream of snapshots open, and reopens it until that succeeds. Owns a thread that posts
// the snapshots to an inbox, and a FeedLost for each failed try.
#pragma once

#include <grpcpp/client_context.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "ctl/base/duration.h"
#include "ctl/gateway/client.h"
#include "ctl/top/inbox.h"

namespace echogw::ctl::top {

class StatsFeed {
 public:
  // Uses target, timeout and access of the client. Client and inbox outlive the feed.
  StatsFeed(const Client& client, TopInbox& inbox, Duration interval);
  // Cancels the stream and joins the thread.
  ~StatsFeed();
  StatsFeed(const StatsFeed&) = delete;
  StatsFeed& operator=(const StatsFeed&) = delete;

 private:
  void Run();
  // On a new channel, until the stream ends. True if it had a snapshot.
  bool Stream(grpc::ClientContext& call, std::string& reason);
  void AskInfo(Client& client);
  // Makes `call` the one that the destructor cancels; false when the feed is ending.
  bool Begin(grpc::ClientContext* call);
  // False when the feed is ending.
  bool Wait(Duration time);

  const Client& client_;
  TopInbox& inbox_;
  const Duration interval_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Both under mutex_; the call is on the stack of the thread.
  bool stopping_ = false;
  grpc::ClientContext* call_ = nullptr;
  std::thread thread_;
};

// The error without the advice after the semicolon.
std::string ShortError(const grpc::Status& status, const Client& client);

}  // namespace echogw::ctl::top
