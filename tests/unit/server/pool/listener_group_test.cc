// Making, closing and opening the sockets of slots, their owners, and that a failure leaves
// everything as it was.

#include "server/pool/listener_group.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <vector>

#include "gmock/gmock.h"
#include "tests/support/pool_rlimit.h"
#include "tests/unit/server/pool/pool_parts.h"

namespace echogw::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using ListenerGroupTest = PoolPartsTest;

TEST_F(ListenerGroupTest, MakeOpensAPlaceForEverySlotOnOnePort) {
  PoolContext& pool = Make(3);
  EXPECT_EQ(pool.reactors.count(), 3U);
  const std::string address = pool.listeners.addresses().front();
  ASSERT_TRUE(MakeMore(5).ok());
  EXPECT_EQ(pool.reactors.count(), 5U);
  EXPECT_THAT(pool.listeners.addresses(), ElementsAre(address));
  EXPECT_NE(address, "127.0.0.1:0");
  ASSERT_TRUE(MakeMore(2).ok());
  EXPECT_EQ(pool.reactors.count(), 5U) << "slots stay";
  EXPECT_THAT(pool.reactors.Running(), IsEmpty());
  for (const ReactorStats& r : Stats()) {
    ASSERT_EQ(r.listeners.size(), 1U);
    EXPECT_EQ(r.listeners[0].address, address);
    EXPECT_EQ(r.listeners[0].slot, r.id);
    EXPECT_EQ(r.state, ReactorState::kParked);
    EXPECT_EQ(pool.steering.weight(r.id), 1U);
    EXPECT_EQ(r.cpu, -1);
  }
}

TEST_F(ListenerGroupTest, ClosedSlotsAreOpenedAgainInTheirPlace) {
  PoolContext& pool = Make(4);
  pool.listeners.Close(3);
  pool.listeners.Close(2);
  EXPECT_THAT(pool.listeners.ListenersOf(3), IsEmpty());
  ASSERT_TRUE(MakeMore(4).ok());
  EXPECT_EQ(pool.listeners.ListenersOf(2).size(), 1U);
  pool.reactors.SetState(3, ReactorState::kServing);
  (void)pool.steering.Apply();
  EXPECT_EQ(WhereTheyGo(20)[3], 20U);
}

TEST_F(ListenerGroupTest, OutOfDescriptorsMakesNothing) {
  PoolContext& pool = Make(2);
  const std::size_t before = OpenDescriptors();
  {
    const DescriptorLimit limit(5);
    const absl::Status s = MakeMore(10);
    EXPECT_FALSE(s.ok());
    EXPECT_NE(std::string(s.message()).find("Too many open files"), std::string::npos) << s;
  }
  EXPECT_EQ(pool.reactors.count(), 2U);
  EXPECT_EQ(OpenDescriptors(), before);
  EXPECT_TRUE(MakeMore(10).ok());
}

TEST_F(ListenerGroupTest, OwnersAreReplacedAsHandOverDistributesThem) {
  PoolContext& pool = Make(5);
  pool.listeners.SetOwner(4, 3);
  pool.listeners.ReplaceOwner(3, {0, 1});
  std::vector<std::uint32_t> owners;
  for (std::uint32_t slot = 0; slot < 5; ++slot) owners.push_back(pool.listeners.owner(slot));
  EXPECT_THAT(owners, ElementsAre(0, 1, 2, 1, 0));
  EXPECT_EQ(Stats()[0].listeners.size(), 2U);
  EXPECT_THAT(Stats()[3].listeners, IsEmpty());
}

TEST_F(ListenerGroupTest, SynDropHoldsForParkedSlotsToo) {
  PoolContext& pool = Make(3);
  ASSERT_TRUE(pool.listeners.SetSynDrop(true).ok());
  // 127.0.0.1, without waiting for an answer that does not come.
  std::vector<UniqueFd> pending;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port());
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const void* generic = &to;
  for (int i = 0; i < 20; ++i) {
    pending.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    EXPECT_EQ(::connect(pending.back().get(), static_cast<const sockaddr*>(generic), sizeof(to)),
              -1);
  }
  for (const ReactorStats& r : Stats()) {
    for (const ListenerStats& l : r.listeners) EXPECT_EQ(l.accept_queue, 0U);
  }
  pending.clear();
  ASSERT_TRUE(pool.listeners.SetSynDrop(false).ok());
  auto where = WhereTheyGo(30);
  EXPECT_EQ(where[0] + where[1] + where[2], 30U);
}

}  // namespace
}  // namespace echogw::server
