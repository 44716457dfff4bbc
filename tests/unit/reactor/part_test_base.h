// Shared by the tests of single parts of a reactor: a context without a loop, a manual clock,
// connections made of socket pairs, and a host that records its calls.
#pragma once

#include <sys/socket.h>

#include <memory>
#include <vector>

#include "reactor/base/check.h"
#include "reactor/base/unique_fd.h"
#include "reactor/connection_host.h"
#include "reactor/loop_context.h"
#include "tests/support/descriptors.h"
#include "tests/support/hooked_socket_io.h"
#include "tests/support/manual_clock.h"
#include "tests/support/recording_log.h"

namespace echogw {

class RecordingHost final : public ConnectionHost {
 public:
  explicit RecordingHost(LoopContext& context) : context_(context) {}

  void OnAccepted(Connection& c, Token /*token*/, const Listener& /*listener*/) override {
    accepted.push_back(c.fd);
  }
  void OnArrived(Connection& /*c*/, Token token) override { arrived.push_back(token); }
  void Enqueue(Connection& /*c*/, Token token) override { enqueued.push_back(token); }
  void RunTurn(Connection& /*c*/, Token token) override { turned.push_back(token); }
  void BeginClose(Connection& c, Token token) override {
    c.closing = true;
    closing.push_back(token);
  }
  void Close(Connection& c, Token token, CloseReason reason, bool /*reset*/) override {
    closed.push_back(reason);
    context_.io.Close(c.fd);
    context_.table.Erase(token);
  }
  void Answer(Report report) override { reports.push_back(report); }

  std::vector<int> accepted;
  std::vector<Token> arrived, enqueued, turned, closing;
  std::vector<CloseReason> closed;
  std::vector<Report> reports;

 private:
  LoopContext& context_;
};

class PartTest : public DescriptorTest {
 protected:
  void SetUp() override {
    DescriptorTest::SetUp();
    mailbox_ = MakeMailbox();
    const ReactorDeps deps{.counters = counters_,
                           .mailbox = *mailbox_,
                           .reports = reports_,
                           .events = events_,
                           .limiter = limiter_,
                           .io = io_,
                           .clock = clock_,
                           .log = log_};
    auto poller = Poller::Create(PollerKind::kPoll, {io_, counters_, options_.buffer_bytes});
    CHECK(poller.ok());
    context_ = std::make_unique<LoopContext>(options_, deps, std::move(*poller));
    context_->now = clock_.Now();
    host_ = std::make_unique<RecordingHost>(*context_);
  }
  void TearDown() override {
    context_->table.ForEach([&](Connection& c, Token token) {
      host_->Close(c, token, CloseReason::kDrainForced, true);
    });
    context_.reset();
    mailbox_.reset();
    peers_.clear();
    DescriptorTest::TearDown();
  }

  [[nodiscard]] static std::unique_ptr<Mailbox> MakeMailbox() {
    auto mailbox = Mailbox::Create();
    CHECK(mailbox.ok());
    return std::move(*mailbox);
  }

  // A connection that was accepted now and is watched.
  Token Connect() {
    int pair[2];
    CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    peers_.emplace_back(pair[1]);
    const Token token = context_->table.Insert(pair[0]);
    Connection& c = At(token);
    c.opened_at_cs = context_->now_cs();
    c.arrived_at_ms = c.active_at_ms = context_->now_ms();
    CHECK(context_->Watch(c, token) == 0);
    return token;
  }
  [[nodiscard]] Connection& At(Token token) { return *context_->table.Find(token); }

  void Pass(Nanos time) {
    clock_.Advance(time);
    context_->now = clock_.Now();
  }

  ReactorOptions options_;
  HookedSocketIo io_;
  ManualClock clock_;
  RecordingLog log_;
  Counters counters_;
  Reports reports_;
  EventRing events_;
  ConnectionLimiter limiter_;
  std::unique_ptr<Mailbox> mailbox_;
  std::unique_ptr<LoopContext> context_;
  std::unique_ptr<RecordingHost> host_;
  std::vector<UniqueFd> peers_;
};

}  // namespace echogw
