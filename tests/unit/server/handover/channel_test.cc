// Goal: frames arrive whole, with their descriptors, or the error says what is wrong.
#include "server/handover/channel.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

namespace echogw::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Channel::Deadline In(std::chrono::nanoseconds time) {
  return std::chrono::steady_clock::now() +
         std::chrono::duration_cast<std::chrono::steady_clock::duration>(time);
}

handover::Frame Refusal(std::size_t bytes) {
  handover::Frame frame;
  frame.mutable_refusal()->set_reason(std::string(bytes, 'x'));
  return frame;
}

ino_t InodeOf(int fd) {
  struct stat info {};
  EXPECT_EQ(::fstat(fd, &info), 0);
  return info.st_ino;
}

class ChannelTest : public testing::Test {
 protected:
  ChannelTest() : pair_(*Channel::MakePair()), other_(std::move(pair_.second)) {}

  std::pair<Channel, UniqueFd> pair_;
  Channel& one_ = pair_.first;
  Channel other_;
};

TEST_F(ChannelTest, DescriptorsArriveInOrderAndAreClosedOnExec) {
  std::vector<UniqueFd> files;
  std::vector<int> numbers;
  for (std::size_t i = 0; i < Channel::kFdsMax; ++i) {
    files.emplace_back(::memfd_create("test", 0));
    numbers.push_back(files.back().get());
  }
  ASSERT_TRUE(one_.Send(Refusal(10), numbers, In(seconds(20))).ok());
  ASSERT_TRUE(one_.Send(Refusal(0), {}, In(seconds(20))).ok());
  const auto first = other_.Receive(In(seconds(20)));
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_EQ(first->fds.size(), files.size());
  for (std::size_t i = 0; i < files.size(); ++i) {
    EXPECT_EQ(InodeOf(first->fds[i].get()), InodeOf(files[i].get()));
    EXPECT_EQ(::fcntl(first->fds[i].get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  }
  const auto second = other_.Receive(In(seconds(20)));
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE(second->fds.empty());
  EXPECT_TRUE(second->frame.has_refusal());
}

TEST_F(ChannelTest, FramesMayBeLargerThanTheSocketTakesAtOnce) {
  constexpr std::size_t kBytes = std::size_t{20} << 20U;
  const UniqueFd file(::memfd_create("test", 0));
  std::thread sender([&] {
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(one_.Send(Refusal(kBytes), {file.get()}, In(seconds(60))).ok());
    }
  });
  for (int i = 0; i < 3; ++i) {
    const auto received = other_.Receive(In(seconds(60)));
    ASSERT_TRUE(received.ok()) << received.status();
    EXPECT_EQ(received->frame.refusal().reason().size(), kBytes);
    EXPECT_EQ(received->fds.size(), 1U);
  }
  sender.join();
}

TEST_F(ChannelTest, TheEndAndSilenceAreDifferentErrors) {
  EXPECT_TRUE(absl::IsDeadlineExceeded(other_.Receive(In(milliseconds(1))).status()));
  const std::atomic<bool> cancelled{true};
  EXPECT_TRUE(absl::IsCancelled(other_.Receive(In(seconds(20)), &cancelled).status()));
  one_.Shutdown();
  EXPECT_TRUE(absl::IsUnavailable(other_.Receive(In(seconds(20))).status()));
  EXPECT_TRUE(absl::IsUnavailable(other_.Send(Refusal(1), {}, In(seconds(20)))));
}

TEST_F(ChannelTest, AnythingElseIsRefused) {
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1\r\n"), std::string("EGW1\xFF\xFF\xFF\xFF\0\0\0\0", 12),
        std::string("EGW1\2\0\0\0\0\0\0\0\xFF\xFF", 14)}) {
    auto pair = *Channel::MakePair();
    const Channel end(UniqueFd(::dup(pair.second.get())));
    ASSERT_EQ(::send(pair.first.fd(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
    EXPECT_TRUE(absl::IsInvalidArgument(end.Receive(In(seconds(20))).status())) << bytes;
  }
}

TEST_F(ChannelTest, DescriptorsThatAreMissingAreAnError) {
  const std::string header("EGW1\0\0\0\0\1\0\0\0", 12);
  ASSERT_EQ(::send(one_.fd(), header.data(), header.size(), 0), 12);
  EXPECT_TRUE(absl::IsResourceExhausted(other_.Receive(In(seconds(20))).status()));
}

TEST(ChannelFileTest, IsReadFromItsBeginning) {
  const auto file = Channel::MakeFile();
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(file->is_file());
  const UniqueFd kept(::memfd_create("test", 0));
  const int number = ::dup(kept.get());
  ASSERT_TRUE(file->Send(Refusal(100'000), {number}, In(seconds(20))).ok());
  ASSERT_TRUE(file->Send(Refusal(1), {}, In(seconds(20))).ok());
  ASSERT_TRUE(file->Rewind().ok());
  const auto first = file->Receive(In(seconds(20)));
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->frame.refusal().reason().size(), 100'000U);
  ASSERT_EQ(first->fds.size(), 1U);
  EXPECT_EQ(first->fds[0].get(), number);
  EXPECT_TRUE(file->Receive(In(seconds(20))).ok());
  EXPECT_TRUE(absl::IsUnavailable(file->Receive(In(seconds(20))).status()));
}

}  // namespace
}  // namespace echogw::server
