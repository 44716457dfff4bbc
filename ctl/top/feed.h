// Keeps a stream of snapshots open, and reopens it until that succeeds. Owns a thread that posts
// the snapshots to an inbox, and a FeedLost for each failed try.
#pragma once

#include <grpcpp/client_context.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "ctl/base/duration.h"
#include "ctl/base/watchdog.h"
#include "ctl/gateway/client.h"
#include "ctl/gateway/rpc_error.h"
#include "ctl/output/proto_document.h"
#include "ctl/top/inbox.h"

namespace echogw::ctl::top {

class StatsFeed {
 public:
  // Uses target, timeout and access of the client. Client and inbox outlive the feed.
  StatsFeed(const Client& client, TopInbox& inbox, Duration interval)
      : client_(client), inbox_(inbox), interval_(interval), thread_([this] { Run(); }) {}
  // Cancels the stream and joins the thread.
  ~StatsFeed() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      if (call_ != nullptr) call_->TryCancel();
      changed_.notify_all();
    }
    thread_.join();
  }

 private:
  // A gateway that restarts is found within the first few tries.
  static constexpr Duration kFirstWait = std::chrono::milliseconds(250);
  static constexpr Duration kLongestWait = std::chrono::seconds(3);

  void Run() {
    Duration wait = kFirstWait;
    for (;;) {
      std::string reason;
      {
        grpc::ClientContext call;
        if (!Begin(&call)) return;
        if (Stream(call, reason)) wait = kFirstWait;
        if (!Begin(nullptr)) return;
      }
      inbox_.Post(FeedLost{std::move(reason), wait});
      if (!Wait(wait)) return;
      wait = std::min(wait * 2, kLongestWait);
    }
  }
  // On a new channel, until the stream ends. True if it had a snapshot.
  bool Stream(grpc::ClientContext& call, std::string& reason) {
    // A failed channel keeps returning its error for seconds; a new one connects at once.
    Client client(client_.target(), client_.timeout(), client_.access());
    Client::Admin& admin = client.admin();
    Watchdog watchdog(interval_ + client_.timeout(), [&call] { call.TryCancel(); });
    admin::v1::WatchStatsRequest request;
    ToProto(interval_, request.mutable_interval());
    const auto reader = admin.WatchStats(&call, request);
    admin::v1::WatchStatsResponse response;
    bool came = false;
    while (reader->Read(&response)) {
      watchdog.Feed();
      inbox_.Post(std::move(*response.mutable_stats()));
      // It may be a new process.
      if (!came) {
        AskInfo(client);
        if (!Begin(&call)) call.TryCancel();
      }
      came = true;
    }
    watchdog.Stop();
    const grpc::Status status = reader->Finish();
    if (watchdog.has_bitten()) {
      reason = absl::StrCat(client_.target(), " sent nothing for ",
                            FormatDuration(interval_ + client_.timeout()));
    } else if (status.ok()) {
      reason = absl::StrCat(client_.target(), " ended the stream");
    } else {
      reason = ShortError(status, client_);
    }
    return came;
  }
  void AskInfo(Client& client) {
    grpc::ClientContext call;
    if (!Begin(&call)) return;
    client.SetDeadline(call);
    admin::v1::GetInfoResponse info;
    // Without it only the version is missing.
    if (client.admin().GetInfo(&call, {}, &info).ok()) inbox_.Post(std::move(info));
  }
  // Makes `call` the one that the destructor cancels; false when the feed is ending.
  bool Begin(grpc::ClientContext* call) {
    const std::lock_guard lock(mutex_);
    call_ = call;
    return !stopping_;
  }
  // The error without the advice after the semicolon.
  static std::string ShortError(const grpc::Status& status, const Client& client) {
    const std::string message = DescribeRpcError(status, client).message;
    return message.substr(0, message.find_first_of(";"));
  }
  // False when the feed is ending.
  bool Wait(Duration time) {
    std::unique_lock lock(mutex_);
    return !changed_.wait_for(lock, time, [this] { return stopping_; });
  }

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

}  // namespace echogw::ctl::top
