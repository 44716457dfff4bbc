// Goal: new connections go where the weights say, and nowhere else.
// Method: groups of three real listeners; connects are counted by the queue they end up in.
#include "reactor/net/steering.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "reactor/net/socket.h"
#include "reactor/net/udp_socket.h"
#include "reactor/options.h"
#include "tests/support/descriptors.h"
#include "tests/support/test_reactor.h"
#include "tests/support/udp_client.h"
#include "tests/support/wait_until.h"

namespace echogw {
namespace {

class SteeringTest : public DescriptorTest {
 protected:
  static constexpr std::size_t kListeners = 3;

  void SetUp() override {
    DescriptorTest::SetUp();
    for (std::size_t i = 0; i < kListeners; ++i) {
      group_.push_back(std::make_unique<TestListener>(
          ListenOptions{}, group_.empty() ? std::uint16_t{0} : group_[0]->port));
    }
  }
  void TearDown() override {
    group_.clear();
    DescriptorTest::TearDown();
  }

  // Connects `n` clients and says how many each listener got.
  std::array<std::uint32_t, kListeners> Spread(std::uint32_t n) {
    std::vector<std::unique_ptr<TestClient>> clients;
    for (std::uint32_t i = 0; i < n; ++i) {
      clients.push_back(std::make_unique<TestClient>(group_[0]->port));
    }
    std::array<std::uint32_t, kListeners> depths{};
    EXPECT_TRUE(WaitUntil([&] {
      for (std::size_t i = 0; i < kListeners; ++i) {
        depths[i] = ReadListenerQueue(group_[i]->fd.get()).depth;
      }
      return std::accumulate(depths.begin(), depths.end(), 0U) == n;
    }));
    for (const auto& listener : group_) {
      for (int fd = 0; fd >= 0;) {
        fd = ::accept4(listener->fd.get(), nullptr, nullptr, SOCK_CLOEXEC);
        if (fd >= 0) ::close(fd);
      }
    }
    return depths;
  }

  [[nodiscard]] int AnyMember() const { return group_[1]->fd.get(); }

  std::vector<std::unique_ptr<TestListener>> group_;
};

TEST_F(SteeringTest, WeightZeroGetsNothingAndTheRestItsShare) {
  const std::vector<std::uint32_t> weights = {1, 0, 3};
  ASSERT_TRUE(AttachSteering(AnyMember(), weights).ok());
  const auto got = Spread(400);
  EXPECT_EQ(got[1], 0U);
  // Binomial with p = 1/4: 100 +- 8.7; six deviations to each side.
  EXPECT_GT(got[0], 48U);
  EXPECT_LT(got[0], 152U);
}

TEST_F(SteeringTest, ANewProgramTakesThePlaceOfTheOld) {
  for (std::size_t only = 0; only < kListeners; ++only) {
    std::vector<std::uint32_t> weights(kListeners, 0);
    weights[only] = kSteeringWeightMax;
    ASSERT_TRUE(AttachSteering(AnyMember(), weights).ok());
    EXPECT_EQ(Spread(20)[only], 20U);
  }
}

TEST_F(SteeringTest, DetachGivesItBackToTheKernel) {
  const std::vector<std::uint32_t> weights = {0, 0, 1};
  ASSERT_TRUE(AttachSteering(AnyMember(), weights).ok());
  EXPECT_EQ(Spread(20)[2], 20U);
  ASSERT_TRUE(DetachSteering(AnyMember()).ok());
  ASSERT_TRUE(DetachSteering(AnyMember()).ok()) << "twice is no error";
  EXPECT_LT(Spread(200)[2], 200U);
}

TEST_F(SteeringTest, AsManySlotsAsThereMayBeFitIntoAProgram) {
  // The group has three members; a choice past it falls back to the kernel's hash, no error.
  const std::vector<std::uint32_t> weights(kReactorsMax, kSteeringWeightMax);
  const absl::Status attached = AttachSteering(AnyMember(), weights);
  EXPECT_TRUE(attached.ok()) << attached;
  const auto got = Spread(50);
  EXPECT_EQ(got[0] + got[1] + got[2], 50U);
}

TEST_F(SteeringTest, BadArgumentsAreErrors) {
  const std::vector<std::uint32_t> zeroes = {0, 0};
  EXPECT_TRUE(absl::IsInvalidArgument(AttachSteering(AnyMember(), zeroes)));
  EXPECT_TRUE(absl::IsInvalidArgument(AttachSteering(AnyMember(), {})));
  const std::vector<std::uint32_t> one = {1};
  const absl::Status bad = AttachSteering(-1, one);
  EXPECT_FALSE(bad.ok());
  EXPECT_NE(bad.message().find("SO_ATTACH_REUSEPORT_CBPF"), std::string::npos);
  EXPECT_FALSE(DetachSteering(-1).ok());
  EXPECT_FALSE(AttachSynDrop(-1).ok());
}

// True if a connect is complete within `wait_ms`.
bool Connects(std::uint16_t port, int wait_ms) {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  static_cast<void>(
      ::connect(fd.get(), static_cast<sockaddr*>(static_cast<void*>(&to)), sizeof(to)));
  pollfd p{fd.get(), POLLOUT, 0};
  return ::poll(&p, 1, wait_ms) == 1 && (p.revents & POLLERR) == 0;
}

TEST_F(SteeringTest, SynDropIgnoresNewClientsAndSparesTheOldOnes) {
  const TestListener alone;
  TestClient before(alone.port);
  ASSERT_TRUE(AttachSynDrop(alone.fd.get()).ok());
  EXPECT_FALSE(Connects(alone.port, 50));

  // What was established before is served, and inherits the filter until it is taken off.
  UniqueFd accepted(::accept4(alone.fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_TRUE(accepted.valid());
  DetachFilter(accepted.get());
  before.Send("x");
  char byte = 0;
  EXPECT_EQ(::recv(accepted.get(), &byte, 1, 0), 1);
  EXPECT_EQ(byte, 'x');

  DetachFilter(alone.fd.get());
  DetachFilter(alone.fd.get());
  EXPECT_TRUE(Connects(alone.port, 10'000));
}

// Datagrams of many flows, each sent three times; which socket of the group each flow came to.
struct Flows {
  std::vector<std::uint32_t> by_socket;
  std::uint32_t split = 0;  // flows that came to more than one
};

class FlowSteeringTest : public DescriptorTest {
 protected:
  void Bind(const ListenAddress& address) {
    ListenAddress at = address;
    for (int i = 0; i < 3; ++i) {
      auto fd = BindUdp(at, {.coalesce = false});
      ASSERT_TRUE(fd.ok()) << fd.status();
      at.port = LocalAddress(fd->get(), false)->port;
      group_.push_back(*std::move(fd));
    }
    port_ = at.port;
  }
  void TearDown() override {
    group_.clear();
    DescriptorTest::TearDown();
  }

  Flows Send(std::uint32_t flows, const std::string& host) {
    Flows out{.by_socket = std::vector<std::uint32_t>(group_.size())};
    for (std::uint32_t i = 0; i < flows; ++i) {
      const UdpClient client(port_, {.host = host});
      for (int n = 0; n < 3; ++n) EXPECT_TRUE(client.Send(n == 0 ? "" : "payload"));
      int sockets = 0;
      for (std::size_t s = 0; s < group_.size(); ++s) {
        std::array<char, 16> taken{};
        bool any = false;
        while (::recv(group_[s].get(), taken.data(), taken.size(), MSG_DONTWAIT) >= 0) any = true;
        if (!any) continue;
        ++sockets;
        ++out.by_socket[s];
      }
      EXPECT_GE(sockets, 1);
      if (sockets > 1) ++out.split;
    }
    return out;
  }

  std::vector<UniqueFd> group_;
  std::uint16_t port_ = 0;
};

TEST_F(FlowSteeringTest, AFlowStaysTogetherAndFlowsSpreadByWeight) {
  struct Case {
    ListenAddress address;
    std::string host;
  };
  for (const Case& c : {Case{{.host = "127.0.0.1"}, "127.0.0.1"}, Case{{.host = "::1"}, "::1"},
                        Case{{.host = "::", .dual_stack = true}, "127.0.0.1"},
                        Case{{.host = "::", .dual_stack = true}, "::1"}}) {
    group_.clear();
    Bind(c.address);
    const std::vector<std::uint32_t> weights = {1, 0, 3};
    ASSERT_TRUE(AttachFlowSteering(group_[1].get(), weights).ok());
    const Flows flows = Send(400, c.host);
    EXPECT_EQ(flows.split, 0U) << c.host;
    EXPECT_EQ(flows.by_socket[1], 0U) << c.host;
    // As many as random choice would give, with room: ports of neighbours are no random numbers.
    EXPECT_GT(flows.by_socket[0], 48U) << c.host;
    EXPECT_LT(flows.by_socket[0], 152U) << c.host;
  }
}

TEST_F(FlowSteeringTest, AProgramHasRoomForEverySlot) {
  Bind({.host = "127.0.0.1"});
  const std::vector<std::uint32_t> all(kReactorsMax, kSteeringWeightMax);
  EXPECT_TRUE(AttachFlowSteering(group_[0].get(), all).ok());
  EXPECT_EQ(AttachFlowSteering(group_[0].get(), std::vector<std::uint32_t>(3)).code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace echogw
