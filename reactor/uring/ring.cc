#include "reactor/uring/ring.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "reactor/base/check.h"

namespace echogw {
namespace {

constexpr std::size_t kCacheLine = 64;
constexpr std::uint32_t kCompletionsPerSubmission = 8;

absl::Status WhyNot(int error) {
  switch (error) {
    case ENOSYS:
      return absl::UnavailableError("the kernel has no io_uring");
    case EPERM:
    case EACCES:
      return absl::UnavailableError(
          "io_uring is blocked (EPERM): by kernel.io_uring_disabled or a container's seccomp "
          "profile");
    case EINVAL:
      return absl::UnavailableError("the kernel's io_uring is older than Linux 6.1");
    default:
      return absl::ErrnoToStatus(error, "io_uring_setup");
  }
}

int Register(int fd, unsigned what, void* argument, unsigned n) {
  return static_cast<int>(::syscall(SYS_io_uring_register, fd, what, argument, n));
}

// IORING_FEAT_NO_IOWAIT: of Linux 6.15, which the headers of Debian 12 do not name.
constexpr std::uint32_t kFeatureNoIowait = 1U << 17U;

}  // namespace

Mapping::Mapping(std::size_t bytes, int fd, std::uint64_t offset) noexcept : bytes_(bytes) {
  void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                    fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED | MAP_POPULATE, fd,
                    static_cast<off_t>(offset));
  if (at != MAP_FAILED) at_ = static_cast<std::byte*>(at);
}

Mapping::Mapping(Mapping&& other) noexcept
    : at_(std::exchange(other.at_, nullptr)), bytes_(other.bytes_) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(at_, other.at_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Mapping::~Mapping() {
  if (at_ != nullptr) ::munmap(at_, bytes_);
}

absl::StatusOr<std::unique_ptr<Uring>> Uring::Create(std::uint32_t entries) {
  io_uring_params params{};
  // Completions wait for the thread that asks for them, so that it is never interrupted; one bad
  // entry does not hold up those behind it; disabled until the reactor's own thread takes it.
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL |
                 IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE;
  params.cq_entries = entries * kCompletionsPerSubmission;
  std::unique_ptr<Uring> ring(new Uring());
  ring->fd_.Reset(static_cast<int>(::syscall(SYS_io_uring_setup, entries, &params)));
  if (!ring->fd_.valid()) return WhyNot(errno);
  if ((params.features & IORING_FEAT_SINGLE_MMAP) == 0) return WhyNot(EINVAL);
  ring->accepts_reliably_ = (params.features & kFeatureNoIowait) != 0;

  const std::size_t bytes =
      std::max<std::size_t>(params.sq_off.array + params.sq_entries * sizeof(std::uint32_t),
                            params.cq_off.cqes + params.cq_entries * sizeof(io_uring_cqe));
  ring->rings_ = Mapping(bytes, ring->fd(), IORING_OFF_SQ_RING);
  ring->entries_ = Mapping(params.sq_entries * sizeof(io_uring_sqe), ring->fd(), IORING_OFF_SQES);
  if (!ring->rings_.valid() || !ring->entries_.valid()) {
    return absl::ErrnoToStatus(errno, "mmap of an io_uring");
  }
  auto word = [&ring](std::uint32_t offset) {
    return reinterpret_cast<std::uint32_t*>(ring->rings_.at(offset));
  };
  ring->sqes_ = reinterpret_cast<io_uring_sqe*>(ring->entries_.at(0));
  ring->sq_head_ = word(params.sq_off.head);
  ring->sq_tail_ = word(params.sq_off.tail);
  ring->sq_flags_ = word(params.sq_off.flags);
  ring->sq_mask_ = params.sq_entries - 1;
  ring->cq_head_ = word(params.cq_off.head);
  ring->cq_tail_ = word(params.cq_off.tail);
  ring->cqes_ = reinterpret_cast<io_uring_cqe*>(ring->rings_.at(params.cq_off.cqes));
  ring->cq_mask_ = params.cq_entries - 1;
  // Entries are used in their order, always.
  std::uint32_t* order = word(params.sq_off.array);
  for (std::uint32_t i = 0; i < params.sq_entries; ++i) order[i] = i;
  return ring;
}

void Uring::Enable() noexcept {
  CHECK(Register(fd(), IORING_REGISTER_ENABLE_RINGS, nullptr, 0) == 0);
  io_uring_rsrc_update place{};
  place.offset = UINT32_MAX;  // any
  place.data = static_cast<std::uint64_t>(fd());
  if (Register(fd(), IORING_REGISTER_RING_FDS, &place, 1) != 1) return;
  thread_ = std::this_thread::get_id();
  place_ = static_cast<int>(place.offset);
}

// The places of a thread that has ended are free already.
Uring::~Uring() {
  if (place_ < 0 || thread_ != std::this_thread::get_id()) return;
  io_uring_rsrc_update place{};
  place.offset = static_cast<std::uint32_t>(place_);
  CHECK(Register(fd(), IORING_UNREGISTER_RING_FDS, &place, 1) == 1);
}

io_uring_sqe* Uring::Next() noexcept {
  // The kernel takes entries inside Enter only, on this thread.
  if (sq_next_ - std::atomic_ref(*sq_head_).load(std::memory_order_relaxed) > sq_mask_) {
    return nullptr;
  }
  io_uring_sqe* sqe = &sqes_[sq_next_++ & sq_mask_];
  std::memset(sqe, 0, sizeof(*sqe));
  return sqe;
}

void Uring::Enter(Nanos timeout) noexcept {
  std::atomic_ref(*sq_tail_).store(sq_next_, std::memory_order_release);
  __kernel_timespec limit{.tv_sec = timeout / kNanosPerSecond,
                          .tv_nsec = timeout % kNanosPerSecond};
  io_uring_getevents_arg argument{};
  if (timeout != kNever) argument.ts = reinterpret_cast<std::uint64_t>(&limit);
  const unsigned flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG |
                         (place_ < 0 ? 0U : IORING_ENTER_REGISTERED_RING);
  for (;;) {
    const std::uint32_t left =
        sq_next_ - std::atomic_ref(*sq_head_).load(std::memory_order_acquire);
    const long n = ::syscall(SYS_io_uring_enter, place_ < 0 ? fd() : place_, left,
                             timeout > 0 ? 1U : 0U, flags, &argument, sizeof(argument));
    // The kernel waits only when it has taken all entries; short of memory it takes fewer.
    if (n >= 0 && static_cast<std::uint32_t>(n) == left) return;
    if (n < 0 && left == 0) {
      CHECK(errno == ETIME || errno == EINTR || errno == EAGAIN || errno == EBUSY);
      return;
    }
    CHECK(n >= 0 || errno == EINTR || errno == EAGAIN || errno == EBUSY || errno == ETIME);
  }
}

absl::StatusOr<std::unique_ptr<UringBuffers>> UringBuffers::Create(const Uring& ring,
                                                                   std::uint16_t count,
                                                                   std::size_t bytes) {
  std::unique_ptr<UringBuffers> buffers(new UringBuffers());
  buffers->count_ = count;
  buffers->bytes_ = bytes;
  buffers->stride_ = (bytes + 2 * kCacheLine - 1) / kCacheLine * kCacheLine;
  buffers->ring_ = Mapping(count * sizeof(io_uring_buf), -1, 0);
  buffers->memory_ = Mapping(count * buffers->stride_, -1, 0);
  if (!buffers->ring_.valid() || !buffers->memory_.valid()) {
    return absl::ErrnoToStatus(errno, "mmap of the buffers of an io_uring");
  }
  io_uring_buf_reg request{};
  request.ring_addr = reinterpret_cast<std::uint64_t>(buffers->ring_.at(0));
  request.ring_entries = count;
  request.bgid = kGroup;
  if (Register(ring.fd(), IORING_REGISTER_PBUF_RING, &request, 1) != 0) {
    return absl::ErrnoToStatus(errno, "io_uring_register of a ring of buffers");
  }
  for (std::uint16_t i = 0; i < count; ++i) buffers->Return(i);
  buffers->Publish();
  return buffers;
}

void UringBuffers::Return(std::uint16_t id) noexcept {
  auto* entries = reinterpret_cast<io_uring_buf*>(ring_.at(0));
  // Not as a whole: the tail of the ring lies in the first entry.
  io_uring_buf& entry = entries[tail_++ & (count_ - 1)];
  entry.addr = reinterpret_cast<std::uint64_t>(at(id));
  entry.len = static_cast<std::uint32_t>(bytes_);
  entry.bid = id;
}

void UringBuffers::Publish() noexcept {
  auto* entries = reinterpret_cast<io_uring_buf*>(ring_.at(0));
  // Writer: this thread. Reader: the kernel, which must find the entries before it finds the tail.
  std::atomic_ref(entries[0].resv).store(tail_, std::memory_order_release);
}

}  // namespace echogw
