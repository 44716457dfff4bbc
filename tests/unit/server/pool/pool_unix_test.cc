// Goal: a unix socket, which has one listener for all reactors, is served by all of them in turn,
// and loses nothing when they come, drain and go. Method: a pool with a TCP address beside it, and
// clients that check every byte.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/descriptors.h"
#include "tests/support/pool_fixture.h"
#include "tests/support/receive.h"
#include "tests/support/wait_until.h"

namespace echogw::server {
namespace {

// Blocks; its calls give up after a time that only a hung test reaches.
class UnixClient {
 public:
  explicit UnixClient(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    const timeval patience{.tv_sec = 20, .tv_usec = 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const void* to = &address;
    open_ = ::connect(fd_.get(), static_cast<const sockaddr*>(to), sizeof(address)) == 0;
  }
  [[nodiscard]] bool Echoes(const std::string& text) const {
    if (!open_ || ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL) !=
                      static_cast<ssize_t>(text.size())) {
      return false;
    }
    return ReceiveExactly(fd_.get(), text.size()) == text;
  }

 private:
  UniqueFd fd_;
  bool open_ = false;
};

class PoolUnixTest : public DescriptorTest {
 protected:
  PoolUnixTest() {
    std::array<char, 32> name{};
    std::strcpy(name.data(), "/tmp/echogw-test-XXXXXX");
    folder_ = ::mkdtemp(name.data());
    path_ = folder_ + "/echo.sock";
  }
  ~PoolUnixTest() override { ::rmdir(folder_.c_str()); }

  [[nodiscard]] PoolOptions Options(std::uint32_t reactors) const {
    PoolOptions options = LoopbackPool(reactors);
    options.listen.push_back({.unix_path = path_});
    return options;
  }
  [[nodiscard]] std::vector<std::unique_ptr<UnixClient>> Connect(int count) const {
    std::vector<std::unique_ptr<UnixClient>> clients;
    for (int i = 0; i < count; ++i) {
      clients.push_back(std::make_unique<UnixClient>(path_));
      EXPECT_TRUE(clients.back()->Echoes("first")) << i;
    }
    return clients;
  }
  static void ExpectAllEcho(const std::vector<std::unique_ptr<UnixClient>>& clients) {
    for (std::size_t i = 0; i < clients.size(); ++i) {
      EXPECT_TRUE(clients[i]->Echoes("client " + std::to_string(i)));
    }
  }

  std::string folder_;
  std::string path_;
};

TEST_F(PoolUnixTest, EachReactorGetsItsShare) {
  TestPool pool(Options(4));
  EXPECT_EQ(pool->listen_addresses()[1], "unix:" + path_);
  const auto clients = Connect(40);
  for (std::uint32_t i = 0; i < 4; ++i) EXPECT_EQ(pool.ActiveOf(i), 10U) << i;
  const auto page = pool.pool().connections().ListConnections({});
  ASSERT_TRUE(page.ok());
  const std::string me =
      "unix:pid=" + std::to_string(::getpid()) + ",uid=" + std::to_string(::getuid());
  for (const ConnectionInfo& c : page->connections) {
    EXPECT_EQ(c.peer, me);
    EXPECT_EQ(c.local, "unix:" + path_);
  }
  const auto tcp = pool.Connect();
  tcp->Offer(1000);
  EXPECT_TRUE(tcp->PumpUntilDone()) << "and TCP beside it";
  tcp->Close();
  EXPECT_TRUE(pool.WaitForActive(40));
  // By weight: three to one, none for the rest.
  ASSERT_TRUE(pool->SetSteering({{0, 3}, {1, 1}, {2, 0}, {3, 0}}, false).ok());
  // The weights are on their way to the reactor that accepts: it has them when it serves this one.
  const auto first = Connect(4);
  const std::uint64_t zero = pool.ActiveOf(0);
  const std::uint64_t one = pool.ActiveOf(1);
  const auto more = Connect(40);
  EXPECT_EQ(pool.ActiveOf(0), zero + 30);
  EXPECT_EQ(pool.ActiveOf(1), one + 10);
}

TEST_F(PoolUnixTest, NothingIsLostWhileReactorsComeAndGo) {
  TestPool pool(Options(4));
  const auto held = Connect(16);
  std::atomic<bool> stop{false};
  std::atomic<int> failures{0};
  std::atomic<int> served{0};
  std::vector<std::thread> churn;
  for (int i = 0; i < 2; ++i) {
    churn.emplace_back([&] {
      while (!stop.load()) {
        if (UnixClient(path_).Echoes("a short visit")) {
          ++served;
        } else {
          ++failures;
        }
      }
    });
  }
  const auto wait_for_work = [&] {
    const int before = served.load();
    EXPECT_TRUE(WaitUntil([&] { return served.load() > before + 20 || failures.load() > 0; }));
  };
  for (const std::uint32_t target : {1U, 6U, 2U, 4U, 1U, 3U}) {
    wait_for_work();
    const Operation o = pool.Resize(target);
    EXPECT_EQ(o.connections_left, 0U);
    ExpectAllEcho(held);
  }
  // The reactor that accepts goes as well, and comes back.
  wait_for_work();
  pool.DrainReactor(0);
  wait_for_work();
  EXPECT_EQ(pool.ActiveOf(0), 0U);
  ExpectAllEcho(held);
  ASSERT_TRUE(pool->Undrain(0).ok());
  wait_for_work();
  stop.store(true);
  for (std::thread& thread : churn) thread.join();
  EXPECT_EQ(failures.load(), 0);
  EXPECT_TRUE(pool.WaitForActive(held.size()));
  const auto again = Connect(6);
  EXPECT_GT(pool.ActiveOf(0), 0U);
  ExpectSound(pool->Stats());
  EXPECT_EQ(pool->Stats().total.rejected_total(), 0U);
}

TEST_F(PoolUnixTest, TheFileComesAndGoesWithThePool) {
  PoolOptions options = Options(2);
  options.listen_options.unix_mode = 0640;
  {
    TestPool pool(options);
    struct stat info {};
    ASSERT_EQ(::stat(path_.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0640U);
  }
  EXPECT_NE(::access(path_.c_str(), F_OK), 0);
  // What a process that was killed left behind is replaced.
  const UniqueFd stale(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
  const void* at = &address;
  ASSERT_EQ(::bind(stale.get(), static_cast<const sockaddr*>(at), sizeof(address)), 0);
  TestPool again(options);
  EXPECT_TRUE(UnixClient(path_).Echoes("hello"));
}

TEST_F(PoolUnixTest, ADrainOfTheGatewayEndsThem) {
  TestPool pool(Options(2));
  const auto clients = Connect(8);
  DrainRequest drain;
  drain.quiet_period = std::chrono::nanoseconds(0);
  drain.spread = std::chrono::nanoseconds(0);
  drain.deadline = std::chrono::seconds(1);
  const Operation o = pool.Ended(pool->Drain(drain));
  EXPECT_EQ(o.connections_closed + o.connections_reset, 8U);
  EXPECT_FALSE(UnixClient(path_).Echoes("too late"));
}

}  // namespace
}  // namespace echogw::server
