// The slots without the pool: making, closing and opening listeners, steering as it shows in where
// connections arrive, and that a failure leaves everything as it was.

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <map>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/pool/slot.h"
#include "tests/support/descriptors.h"
#include "tests/support/pool_fixture.h"
#include "tests/support/pool_rlimit.h"

namespace echogw::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SlotSetTest : public DescriptorTest {
 protected:
  RecordingLog log_;
};

// Makes `connections` connections and counts in which slot's queue they wait.
std::map<std::uint32_t, std::uint32_t> WhereTheyGo(const SlotSet& slots, int connections) {
  const std::string address = slots.addresses().front();
  const auto port = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
  std::vector<StreamClient> clients;
  for (int i = 0; i < connections; ++i) {
    clients.emplace_back(StreamClientOptions{.port = port});
    EXPECT_EQ(clients.back().error(), "");
  }
  std::map<std::uint32_t, std::uint32_t> waiting;
  for (const ReactorStats& r : slots.Stats()) {
    for (const ListenerStats& l : r.listeners) waiting[l.slot] += l.accept_queue;
  }
  for (std::uint32_t slot = 0; slot < slots.count(); ++slot) {
    for (const Listener& listener : slots.ListenersOf(slot)) {
      for (int fd = 0; (fd = ::accept(listener.fd, nullptr, nullptr)) >= 0;) ::close(fd);
    }
  }
  return waiting;
}

TEST_F(SlotSetTest, MakeOpensAPlaceForEverySlotOnOnePort) {
  SlotSet slots(LoopbackPool(0), log_);
  ASSERT_TRUE(slots.Make(3).ok());
  EXPECT_EQ(slots.count(), 3U);
  const std::string address = slots.addresses().front();
  ASSERT_TRUE(slots.Make(5).ok());
  EXPECT_EQ(slots.count(), 5U);
  EXPECT_THAT(slots.addresses(), ElementsAre(address));
  EXPECT_NE(address, "127.0.0.1:0");
  ASSERT_TRUE(slots.Make(2).ok());
  EXPECT_EQ(slots.count(), 5U) << "slots stay";
  EXPECT_THAT(slots.Running(), IsEmpty());
  for (const ReactorStats& r : slots.Stats()) {
    ASSERT_EQ(r.listeners.size(), 1U);
    EXPECT_EQ(r.listeners[0].address, address);
    EXPECT_EQ(r.listeners[0].slot, r.id);
    EXPECT_EQ(r.state, ReactorState::kParked);
    EXPECT_EQ(r.steering_weight, 1U);
    EXPECT_EQ(r.cpu, -1);
  }
}

TEST_F(SlotSetTest, CpusAreTakenInTurn) {
  PoolOptions options = LoopbackPool(0);
  options.cpus = {3, 1};
  SlotSet slots(options, log_);
  ASSERT_TRUE(slots.Make(5).ok());
  std::vector<int> cpus;
  for (const ReactorStats& r : slots.Stats()) cpus.push_back(r.cpu);
  EXPECT_THAT(cpus, ElementsAre(3, 1, 3, 1, 3));
}

TEST_F(SlotSetTest, SteeringSendsToServingSlotsOnly) {
  SlotSet slots(LoopbackPool(0), log_);
  ASSERT_TRUE(slots.Make(4).ok());
  slots.SetState(1, ReactorState::kServing);
  slots.SetState(2, ReactorState::kServing);
  slots.SetState(3, ReactorState::kDraining);
  slots.ApplySteering();
  EXPECT_TRUE(slots.steering_active());
  auto where = WhereTheyGo(slots, 60);
  EXPECT_EQ(where[0], 0U);
  EXPECT_EQ(where[3], 0U);
  EXPECT_EQ(where[1] + where[2], 60U);
  EXPECT_GT(where[1], 5U);
  EXPECT_GT(where[2], 5U);
  EXPECT_EQ(log_.lines().size(), 0U);
}

TEST_F(SlotSetTest, WeightsAndSharesMultiply) {
  SlotSet slots(LoopbackPool(0), log_);
  ASSERT_TRUE(slots.Make(3).ok());
  for (std::uint32_t i = 0; i < 3; ++i) slots.SetState(i, ReactorState::kServing);
  slots.SetWeight(0, 0);
  slots.SetWeight(1, 3);
  slots.ApplySteering();
  auto where = WhereTheyGo(slots, 200);
  EXPECT_EQ(where[0], 0U);
  EXPECT_GT(where[1], where[2]) << "3 to 1";

  slots.SetShare(0, 20);
  slots.SetShare(1, 1);
  slots.SetShare(2, 20);
  slots.ApplySteering();
  where = WhereTheyGo(slots, 200);
  EXPECT_EQ(where[0], 0U) << "a share does not bring back what the operator took out";
  EXPECT_GT(where[2], where[1]) << "20 to 3";
  EXPECT_EQ(slots.weight(1), 3U);
  EXPECT_EQ(slots.Stats()[1].steering_weight, 3U) << "the share is not shown as weight";
}

TEST_F(SlotSetTest, TheLargestWeightsOfAllSlotsFit) {
  SlotSet slots(LoopbackPool(0), log_);
  ASSERT_TRUE(slots.Make(kReactorsMax).ok());
  for (std::uint32_t i = 0; i < kReactorsMax; ++i) {
    slots.SetState(i, ReactorState::kServing);
    slots.SetWeight(i, kSteeringWeightMax);
    slots.SetShare(i, 20);
  }
  slots.ApplySteering();
  EXPECT_TRUE(slots.steering_active());
  EXPECT_EQ(log_.lines().size(), 0U);
}

TEST_F(SlotSetTest, SteeringOffIsNeverAttached) {
  PoolOptions options = LoopbackPool(0);
  options.steering = false;
  SlotSet slots(options, log_);
  ASSERT_TRUE(slots.Make(2).ok());
  slots.SetState(0, ReactorState::kServing);
  slots.ApplySteering();
  EXPECT_FALSE(slots.steering_active());
  auto where = WhereTheyGo(slots, 100);
  EXPECT_GT(where[1], 0U) << "the kernel's hash goes to all";
}

TEST_F(SlotSetTest, WithoutAnySlotThatServesTheHashIsInForce) {
  SlotSet slots(LoopbackPool(0), log_);
  ASSERT_TRUE(slots.Make(2).ok());
  slots.SetState(0, ReactorState::kServing);
  slots.ApplySteering();
  ASSERT_TRUE(slots.steering_active());
  slots.SetState(0, ReactorState::kDraining);
  slots.ApplySteering();
  EXPECT_FALSE(slots.steering_active());
  EXPECT_EQ(log_.Count("steering is off"), 1U);
  auto where = WhereTheyGo(slots, 100);
  EXPECT_GT(where[0], 0U);
  EXPECT_GT(where[1], 0U) << "the program is not left attached";
}

TEST_F(SlotSetTest, ClosedSlotsAreOpenedAgainInTheirPlace) {
  SlotSet slots(LoopbackPool(0), log_);
  ASSERT_TRUE(slots.Make(4).ok());
  slots.Close(3);
  slots.Close(2);
  EXPECT_THAT(slots.ListenersOf(3), IsEmpty());
  ASSERT_TRUE(slots.Make(4).ok());
  EXPECT_EQ(slots.ListenersOf(2).size(), 1U);
  slots.SetState(3, ReactorState::kServing);
  slots.ApplySteering();
  EXPECT_EQ(WhereTheyGo(slots, 20)[3], 20U);
}

TEST_F(SlotSetTest, OutOfDescriptorsMakesNothing) {
  SlotSet slots(LoopbackPool(0), log_);
  ASSERT_TRUE(slots.Make(2).ok());
  const std::size_t before = OpenDescriptors();
  {
    const DescriptorLimit limit(before + 5);
    const absl::Status s = slots.Make(10);
    EXPECT_FALSE(s.ok());
    EXPECT_NE(std::string(s.message()).find("Too many open files"), std::string::npos) << s;
  }
  EXPECT_EQ(slots.count(), 2U);
  EXPECT_EQ(OpenDescriptors(), before);
  EXPECT_TRUE(slots.Make(10).ok());
}

TEST_F(SlotSetTest, CommandsToParkedSlotsAreRefused) {
  SlotSet slots(LoopbackPool(0), log_);
  ASSERT_TRUE(slots.Make(1).ok());
  EXPECT_FALSE(slots.Post(0, Stop{}));
}

TEST_F(SlotSetTest, SynDropHoldsForParkedSlotsToo) {
  SlotSet slots(LoopbackPool(0), log_);
  ASSERT_TRUE(slots.Make(3).ok());
  const std::string address = slots.addresses().front();
  const auto port = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
  ASSERT_TRUE(slots.SetSynDrop(true).ok());
  // 127.0.0.1, without waiting for an answer that does not come.
  std::vector<UniqueFd> pending;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const void* generic = &to;
  for (int i = 0; i < 20; ++i) {
    pending.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    EXPECT_EQ(::connect(pending.back().get(), static_cast<const sockaddr*>(generic), sizeof(to)),
              -1);
  }
  for (const ReactorStats& r : slots.Stats()) {
    for (const ListenerStats& l : r.listeners) EXPECT_EQ(l.accept_queue, 0U);
  }
  pending.clear();
  ASSERT_TRUE(slots.SetSynDrop(false).ok());
  auto where = WhereTheyGo(slots, 30);
  EXPECT_EQ(where[0] + where[1] + where[2], 30U);
}

}  // namespace
}  // namespace echogw::server
