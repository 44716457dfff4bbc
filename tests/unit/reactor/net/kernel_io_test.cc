// Goal: KernelSocketIo maps what the kernel answers to IoResult, and never blocks or raises.
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <vector>

#include "gtest/gtest.h"
#include "reactor/net/socket_io.h"
#include "tests/support/test_reactor.h"
#include "tests/support/wait_until.h"

namespace echogw {
namespace {

class KernelSocketIoTest : public ::testing::Test {
 protected:
  KernelSocketIoTest() : listener_(std::make_unique<TestListener>()) {
    client_ = std::make_unique<TestClient>(listener_->port);
    EXPECT_TRUE(WaitUntil([&] { return (fd_ = io_.Accept(listener_->fd.get())) >= 0; }));
  }

  IoResult ReadWhenReady() {
    IoResult r;
    EXPECT_TRUE(WaitUntil([&] {
      r = io_.Read(fd_, buffer_);
      return r.status != IoStatus::kWouldBlock;
    }));
    return r;
  }

  KernelSocketIo io_;
  std::unique_ptr<TestListener> listener_;
  std::unique_ptr<TestClient> client_;
  int fd_ = -1;
  std::array<std::byte, 1024> bytes_{};
  std::span<std::byte> buffer_ = bytes_;
};

TEST_F(KernelSocketIoTest, ReadsAndWrites) {
  EXPECT_EQ(io_.Read(fd_, buffer_).status, IoStatus::kWouldBlock);
  client_->Send("abc");
  const IoResult r = ReadWhenReady();
  EXPECT_EQ(r.status, IoStatus::kOk);
  ASSERT_EQ(r.bytes, 3U);
  const IoResult w = io_.Write(fd_, buffer_.first(3));
  EXPECT_EQ(w.status, IoStatus::kOk);
  EXPECT_EQ(w.bytes, 3U);
  EXPECT_EQ(client_->Receive(3), "abc");
  io_.Close(fd_);
  EXPECT_EQ(client_->ReceiveToEnd(), "");
  EXPECT_EQ(client_->end(), TestClient::End::kFin);
}

TEST_F(KernelSocketIoTest, EndOfStream) {
  client_->HalfClose();
  EXPECT_EQ(ReadWhenReady().status, IoStatus::kEof);
  io_.ShutdownWrite(fd_);
  EXPECT_EQ(client_->ReceiveToEnd(), "");
  EXPECT_EQ(client_->end(), TestClient::End::kFin);
  io_.Close(fd_);
}

TEST_F(KernelSocketIoTest, ResetOfThePeerIsAnErrorAndNoSignal) {
  client_->Reset();
  const IoResult r = ReadWhenReady();
  EXPECT_EQ(r.status, IoStatus::kError);
  EXPECT_EQ(r.error, ECONNRESET);
  // SIGPIPE would end the process here.
  const IoResult w = io_.Write(fd_, buffer_.first(3));
  EXPECT_EQ(w.status, IoStatus::kError);
  EXPECT_EQ(w.error, EPIPE);
  io_.ShutdownWrite(fd_);  // an error of no interest
  io_.Close(fd_);
}

TEST_F(KernelSocketIoTest, WriteEndsWhenTheBuffersAreFull) {
  const std::vector<std::byte> block(1U << 16U);
  IoResult w;
  for (int i = 0; i < 10'000 && w.status == IoStatus::kOk; ++i) w = io_.Write(fd_, block);
  EXPECT_EQ(w.status, IoStatus::kWouldBlock);
  io_.Reset(fd_);
  client_->ReceiveToEnd();
  EXPECT_EQ(client_->end(), TestClient::End::kReset);
}

TEST_F(KernelSocketIoTest, AcceptSaysWhyNot) {
  EXPECT_EQ(io_.Accept(listener_->fd.get()), -EAGAIN);
  EXPECT_EQ(io_.Accept(-1), -EBADF);
  EXPECT_EQ(io_.Accept(fd_), -EINVAL);
  io_.Close(fd_);
}

TEST_F(KernelSocketIoTest, DescriptorsAboveTheCeilingAreLeftToOthers) {
  const TestClient second(listener_->port);
  const TestClient third(listener_->port);
  // The next descriptor that is free is the first above the ceiling.
  const UniqueFd free(::dup(fd_));
  FdBudget budget(free.get() + 1);
  KernelSocketIo io(&budget);
  // One goes over: that is how it is noticed. Nobody is turned away.
  const int over = io.Accept(listener_->fd.get());
  ASSERT_GT(over, free.get());
  EXPECT_EQ(io.Accept(listener_->fd.get()), -EMFILE);
  EXPECT_EQ(io.Accept(listener_->fd.get()), -EMFILE);
  io_.Close(fd_);
  const int below = io.Accept(listener_->fd.get());
  EXPECT_EQ(below, fd_);
  EXPECT_EQ(io.Accept(listener_->fd.get()), -EAGAIN);
  io_.Close(below);
  io_.Close(over);
}

}  // namespace
}  // namespace echogw
