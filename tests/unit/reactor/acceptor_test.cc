// Goal: the acceptor backs off when descriptors run out and resumes when there are some again; the
// times of its pauses, which a whole reactor does not show.
#include "reactor/acceptor.h"

#include <cerrno>

#include "gtest/gtest.h"
#include "tests/support/test_reactor.h"
#include "tests/unit/reactor/part_test_base.h"

namespace echogw {
namespace {

class AcceptorTest : public PartTest {
 protected:
  void SetUp() override {
    PartTest::SetUp();
    acceptor_ = std::make_unique<Acceptor>(*context_, *host_);
    listener_ = std::make_unique<TestListener>();
    acceptor_->Handle(AdoptListeners{.listeners = {listener_->On(0)}});
  }
  void TearDown() override {
    acceptor_->UnwatchAll();
    listener_.reset();
    PartTest::TearDown();
  }
  void Accept() { acceptor_->Accept(listener_->On(0), 1); }

  std::unique_ptr<TestListener> listener_;
  std::unique_ptr<Acceptor> acceptor_;
};

TEST_F(AcceptorTest, BacksOffLongerEachTimeUntilItSucceeds) {
  io_.on_accept = [](AcceptResult) { return -EMFILE; };
  const Nanos least = options_.accept_pause_min.count();
  for (Nanos pause = least; pause < options_.accept_pause_max.count(); pause *= 2) {
    Accept();
    EXPECT_EQ(acceptor_->Find(0), nullptr) << "not watched during a pause";
    EXPECT_EQ(acceptor_->next_at(), context_->now + pause);
    Pass(pause);
    acceptor_->Resume();
    EXPECT_NE(acceptor_->Find(0), nullptr);
  }
  EXPECT_EQ(acceptor_->next_at(), kNever);
  io_.on_accept = nullptr;
  const TestClient client(listener_->port);
  Accept();
  ASSERT_EQ(host_->accepted.size(), 1U);
  io_.on_accept = [](AcceptResult) { return -EMFILE; };
  Accept();
  EXPECT_EQ(acceptor_->next_at(), context_->now + least) << "a success starts over";
}

TEST_F(AcceptorTest, AClosedConnectionEndsThePause) {
  io_.on_accept = [](AcceptResult) { return -EMFILE; };
  Accept();
  EXPECT_GT(acceptor_->next_at(), context_->now);
  acceptor_->OnClosed();
  EXPECT_EQ(acceptor_->next_at(), context_->now);
}

}  // namespace
}  // namespace echogw
