#include "reactor/uring/ring.h"

#include <sys/prctl.h>
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

constexpr std::uint32_t kCompletionsPerSubmission = 8;

absl::Status WhyNot(int error) {
  switch (error) {
    case ENOSYS:
      // Some seccomp profiles answer so for what they forbid.
      if (::prctl(PR_GET_SECCOMP) > 0) {
        return absl::UnavailableError(
            "io_uring is not available (ENOSYS): blocked by a container's seccomp profile, or not "
            "in the kernel");
      }
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

// IORING_FEAT_NO_IOWAIT and IORING_ENTER_NO_IOWAIT of Linux 6.15, which the headers of Debian 12 do
// not name: a thread that waits in the ring does not count as waiting for a disk.
constexpr std::uint32_t kFeatureNoIowait = 1U << 17U;
constexpr unsigned kEnterNoIowait = 1U << 7U;

// Errors of io_uring_enter that pass: signals, the timeout, lack of memory or of room, and a report
// that a completion was lost to lack of memory.
bool Passes(int error) {
  return error == ETIME || error == EINTR || error == EAGAIN || error == EBUSY || error == ENOMEM ||
         error == EBADR;
}

}  // namespace

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
  ring->no_iowait_ = (params.features & kFeatureNoIowait) != 0;

  const std::size_t bytes =
      std::max<std::size_t>(params.sq_off.array + params.sq_entries * sizeof(std::uint32_t),
                            params.cq_off.cqes + params.cq_entries * sizeof(io_uring_cqe));
  ring->rings_ = Mapping(bytes, ring->fd_.get(), IORING_OFF_SQ_RING);
  ring->entries_ =
      Mapping(params.sq_entries * sizeof(io_uring_sqe), ring->fd_.get(), IORING_OFF_SQES);
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
  ring->cq_lost_ = word(params.cq_off.overflow);
  ring->cqes_ = reinterpret_cast<io_uring_cqe*>(ring->rings_.at(params.cq_off.cqes));
  ring->cq_mask_ = params.cq_entries - 1;
  // Entries are used in their order, always.
  std::uint32_t* order = word(params.sq_off.array);
  for (std::uint32_t i = 0; i < params.sq_entries; ++i) order[i] = i;
  return ring;
}

int Uring::Register(unsigned what, void* argument, unsigned n) const noexcept {
  return static_cast<int>(::syscall(SYS_io_uring_register, fd_.get(), what, argument, n));
}

void Uring::Enable() noexcept {
  CHECK(Register(IORING_REGISTER_ENABLE_RINGS, nullptr, 0) == 0);
  io_uring_rsrc_update place{};
  place.offset = UINT32_MAX;  // any
  place.data = static_cast<std::uint64_t>(fd_.get());
  if (Register(IORING_REGISTER_RING_FDS, &place, 1) != 1) return;
  thread_ = std::this_thread::get_id();
  place_ = static_cast<int>(place.offset);
}

// The places of a thread that has ended are free already.
Uring::~Uring() {
  if (place_ < 0 || thread_ != std::this_thread::get_id()) return;
  io_uring_rsrc_update place{};
  place.offset = static_cast<std::uint32_t>(place_);
  CHECK(Register(IORING_UNREGISTER_RING_FDS, &place, 1) == 1);
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
                         (place_ < 0 ? 0U : IORING_ENTER_REGISTERED_RING) |
                         (no_iowait_ ? kEnterNoIowait : 0U);
  for (;;) {
    const std::uint32_t left =
        sq_next_ - std::atomic_ref(*sq_head_).load(std::memory_order_acquire);
    const long n = ::syscall(SYS_io_uring_enter, place_ < 0 ? fd_.get() : place_, left,
                             timeout > 0 ? 1U : 0U, flags, &argument, sizeof(argument));
    // EBADR tells of a loss only in a call that submits nothing and has nothing to return.
    const std::uint32_t lost = std::atomic_ref(*cq_lost_).load(std::memory_order_relaxed);
    if (std::exchange(lost_seen_, lost) != lost) lost_ = true;
    // The kernel waits only when it has taken all entries; short of memory it takes fewer.
    if (n >= 0 && static_cast<std::uint32_t>(n) == left) return;
    CHECK(n >= 0 || Passes(errno));
    if (n < 0 && left == 0) return;
  }
}

}  // namespace echogw
