// Goal: the io_uring engine on a kernel before 6.17, which refuses a receive that ends after so
// many bytes, loses no connection when it finds that out; and before 6.15 it does not accept ahead.
// Method: the kernel is made to refuse each of those receives, by a field of the entry that none of
// them knows, and not to tell what it can; so the C library's call is replaced.
#include <dlfcn.h>
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "reactor/uring/uring_engine.h"
#include "tests/unit/reactor/reactor_test_base.h"

namespace {

int refused = 0;
int multishot_accepts = 0;
bool old_kernel = true;
// The next calls of io_uring_enter fail so.
int enter_error = 0;
int enter_failures = 0;
unsigned enter_flags = 0;  // of the last call
// The next last completion of a receive is lost, as for lack of memory.
bool lose_receive = false;
io_cqring_offsets completions{};
std::uint32_t completions_max = 0;
bool no_iowait = false;  // the kernel has IORING_FEAT_NO_IOWAIT

void RefuseLimitedReceives(int ring) {
  constexpr std::size_t kEntries = 128;  // as UringEngine has them
  constexpr std::size_t kBytes = kEntries * sizeof(io_uring_sqe);
  void* at = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
  if (at == MAP_FAILED) return;
  auto* entries = static_cast<io_uring_sqe*>(at);
  for (std::size_t i = 0; i < kEntries; ++i) {
    if (entries[i].opcode == IORING_OP_ACCEPT) ++multishot_accepts;
    if (entries[i].opcode != IORING_OP_RECV || entries[i].file_index == 0) continue;
    if (entries[i].addr2 == 0) ++refused;
    entries[i].addr2 = 1;
  }
  ::munmap(at, kBytes);
}

// Whether one was lost.
bool LoseReceive(int ring) {
  const std::size_t bytes = completions.cqes + completions_max * sizeof(io_uring_cqe);
  void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
  if (at == MAP_FAILED) return false;
  const auto word = [at](std::uint32_t offset) {
    return reinterpret_cast<std::uint32_t*>(static_cast<char*>(at) + offset);
  };
  auto* entries = reinterpret_cast<io_uring_cqe*>(word(completions.cqes));
  bool lost = false;
  for (std::uint32_t i = *word(completions.head); i != *word(completions.tail); ++i) {
    io_uring_cqe& entry = entries[i & (completions_max - 1)];
    constexpr std::uint64_t kReceive = 1;  // as in UringRequests::Op
    constexpr std::uint64_t kClose = 6;    // is not looked at
    if (entry.user_data >> 60U != kReceive || (entry.flags & IORING_CQE_F_MORE) != 0) continue;
    entry.user_data = kClose << 60U;
    ++*word(completions.overflow);
    lost = true;
  }
  ::munmap(at, bytes);
  return lost;
}

}  // namespace

// The six arguments of any system call fit; those that were not given are not looked at.
extern "C" long syscall(long sysno, ...) noexcept {
  using Call = long (*)(long, ...);
  // No guarded static: to initialise that may take a system call.
  constinit static std::atomic<Call> found{nullptr};
  Call real = found.load(std::memory_order_relaxed);
  if (real == nullptr) {
    real = reinterpret_cast<Call>(::dlsym(RTLD_NEXT, "syscall"));
    found.store(real, std::memory_order_relaxed);
  }
  va_list list;
  va_start(list, sysno);
  long a[6];
  for (long& argument : a) argument = va_arg(list, long);
  va_end(list);
  // A ring that is named by its place would not be found again; so none gets one.
  if (sysno == SYS_io_uring_register && a[1] == IORING_REGISTER_RING_FDS) {
    errno = EBUSY;
    return -1;
  }
  if (sysno == SYS_io_uring_enter) {
    enter_flags = static_cast<unsigned>(a[3]);
    if (enter_failures > 0) {
      --enter_failures;
      errno = enter_error;
      return -1;
    }
    if (old_kernel) RefuseLimitedReceives(static_cast<int>(a[0]));
  }
  const long result = real(sysno, a[0], a[1], a[2], a[3], a[4], a[5]);
  if (sysno == SYS_io_uring_enter && lose_receive && LoseReceive(static_cast<int>(a[0]))) {
    lose_receive = false;
    errno = EBADR;
    return -1;
  }
  if (sysno == SYS_io_uring_setup && result >= 0) {
    auto& parameters = *reinterpret_cast<io_uring_params*>(a[1]);
    completions = parameters.cq_off;
    completions_max = parameters.cq_entries;
    auto& features = parameters.features;
    no_iowait = (features & (1U << 17U)) != 0;
    if (old_kernel) features &= ~(1U << 17U);
  }
  return result;
}

namespace echogw {
namespace {

class UringOldKernelTest : public DescriptorTest {
 protected:
  void SetUp() override {
    DescriptorTest::SetUp();
    refused = 0;
    multishot_accepts = 0;
    if (const absl::Status status = UringEngine::Available(); !status.ok()) {
      GTEST_SKIP() << status.message();
    }
  }
};

TEST_F(UringOldKernelTest, ShortagesPass) {
  TestReactorOptions options;
  options.reactor.poller = PollerKind::kIoUring;
  TestReactor reactor(options);
  const auto client = reactor.Connect();
  for (const int error : {ENOMEM, EBADR, EAGAIN, EBUSY, EINTR}) {
    client->Send("hello");
    enter_error = error;
    enter_failures = 3;
    for (int i = 0; i < 3; ++i) reactor.Turn();
    ASSERT_TRUE(reactor.TurnUntil([&] {
      client->Pump();
      return client->received().size() >= 5;
    })) << error;
    EXPECT_EQ(client->Receive(5), "hello");
    EXPECT_EQ(enter_failures, 0);
  }
}

// Nobody can say whose it was.
TEST_F(UringOldKernelTest, ALostCompletionEndsTheConnectionsAndNotTheReactor) {
  TestReactorOptions options;
  options.reactor.poller = PollerKind::kIoUring;
  TestReactor reactor(options);
  const auto gone = reactor.Connect();
  const auto other = reactor.Connect();
  EXPECT_EQ(reactor.Echo(*other, "hello"), "hello");
  lose_receive = true;
  gone->HalfClose();
  ASSERT_TRUE(reactor.TurnUntil([&] { return reactor.closed(CloseReason::kIoError) == 2; }));
  EXPECT_FALSE(lose_receive);
  const auto next = reactor.Connect();
  EXPECT_EQ(reactor.Echo(*next, "hello"), "hello");
}

TEST_F(UringOldKernelTest, AnIdleReactorDoesNotWaitForADisk) {
  old_kernel = false;
  TestReactorOptions options;
  options.reactor.poller = PollerKind::kIoUring;
  TestReactor reactor(options);
  reactor.Turn();
  old_kernel = true;
  EXPECT_EQ((enter_flags & (1U << 7U)) != 0, no_iowait);
}

// The first that a new reactor gets come many at once, so that many are refused at once.
TEST_F(UringOldKernelTest, ManyThatMoveToANewReactorAreServed) {
  TestReactorOptions options;
  options.reactor.poller = PollerKind::kIoUring;
  TestReactor a(options);
  options.reactor.id = 1;
  options.deaf = true;
  TestReactor b(options);
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(a.Connect());
  for (const auto& client : clients) EXPECT_EQ(a.Echo(*client, "before"), "before");
  a.Post(MoveConnections{.id = 1, .targets = {&b.mailbox()}});
  ASSERT_TRUE(a.TurnUntilReport(1).has_value());
  for (int i = 0; i < 10; ++i) b.Turn();
  EXPECT_EQ(b.counters().connections_active, 20U);
  EXPECT_EQ(b.closed(CloseReason::kIoError), 0U);
  for (const auto& client : clients) EXPECT_EQ(b.Echo(*client, "after"), "after");
  EXPECT_GT(refused, 20);
  EXPECT_EQ(multishot_accepts, 0);
}

}  // namespace
}  // namespace echogw
