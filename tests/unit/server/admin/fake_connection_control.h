// A ConnectionControl whose answers the test sets, and which remembers what it was asked.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "absl/status/statusor.h"
#include "server/pool/connection_control.h"

namespace echogw::server {

class FakeConnectionControl final : public ConnectionControl {
 public:
  void set_failure(const absl::Status& status) {
    const std::lock_guard lock(mutex_);
    failure_ = status;
  }
  void set_page(const ConnectionPage& page) {
    const std::lock_guard lock(mutex_);
    page_ = page;
  }
  void AddEvent(const WatchedConnectionEvent& event, std::uint64_t dropped) {
    const std::lock_guard lock(mutex_);
    batch_.events.push_back(event);
    batch_.dropped += dropped;
  }
  [[nodiscard]] std::optional<ConnectionQuery> query() const {
    const std::lock_guard lock(mutex_);
    return query_;
  }
  [[nodiscard]] std::optional<CloseRequest> close() const {
    const std::lock_guard lock(mutex_);
    return close_;
  }

  [[nodiscard]] std::set<std::uint32_t> pinged() const {
    const std::lock_guard lock(mutex_);
    return pinged_;
  }

  [[nodiscard]] absl::StatusOr<ConnectionPage> ListConnections(
      const ConnectionQuery& query) override {
    const std::lock_guard lock(mutex_);
    query_ = query;
    if (!failure_.ok()) return failure_;
    return page_;
  }
  [[nodiscard]] absl::StatusOr<ConnectionDetail> GetConnection(std::uint64_t id) override {
    const std::lock_guard lock(mutex_);
    if (!failure_.ok()) return failure_;
    ConnectionDetail detail;
    detail.info.id = id;
    detail.tcp.state = 1;
    detail.tcp.rtt_us = 123;
    return detail;
  }
  absl::StatusOr<CloseResult> CloseConnections(const CloseRequest& request) override {
    const std::lock_guard lock(mutex_);
    close_ = request;
    if (!failure_.ok()) return failure_;
    return CloseResult{.closed = 2, .not_found = {9}};
  }
  [[nodiscard]] absl::Status Ping(std::uint32_t reactor) override {
    const std::lock_guard lock(mutex_);
    pinged_.insert(reactor);
    return failure_;
  }
  [[nodiscard]] std::unique_ptr<ConnectionWatch> WatchConnections(
      const ConnectionFilter& /*filter*/) override {
    return std::make_unique<FakeWatch>(*this);
  }

 private:
  class FakeWatch final : public ConnectionWatch {
   public:
    explicit FakeWatch(FakeConnectionControl& control) : control_(control) {}
    [[nodiscard]] Batch Take() override {
      const std::lock_guard lock(control_.mutex_);
      return std::exchange(control_.batch_, Batch{});
    }

   private:
    FakeConnectionControl& control_;
  };

  mutable std::mutex mutex_;
  absl::Status failure_;
  ConnectionPage page_;
  ConnectionWatch::Batch batch_;
  std::optional<ConnectionQuery> query_;
  std::optional<CloseRequest> close_;
  std::set<std::uint32_t> pinged_;
};

}  // namespace echogw::server
