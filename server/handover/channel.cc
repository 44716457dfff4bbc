#include "server/handover/channel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <thread>

#include "absl/strings/str_cat.h"
#include "reactor/base/check.h"

namespace echogw::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::array<char, 4> kMagic = {'E', 'G', 'W', '1'};

struct Header {
  std::array<char, 4> magic = kMagic;
  std::uint32_t bytes = 0;
  std::uint32_t fds = 0;
};
static_assert(sizeof(Header) == 12);

// Of a message: 128 connections that hold 64 KiB each take 8 MiB, and an engine may hold more.
constexpr std::uint32_t kFrameBytesMax = std::uint32_t{256} << 20U;
// Waits wake this often to see whether they are cancelled.
constexpr milliseconds kCancelCheck{50};
// The kernel refuses more descriptors in flight than one user may have open.
constexpr milliseconds kInFlightPause{1};

union ControlBuffer {
  cmsghdr header;
  std::array<char, CMSG_SPACE(sizeof(int) * Channel::kFdsMax)> bytes;
};

}  // namespace

Channel::Channel(UniqueFd fd) : fd_(std::move(fd)) {
  struct stat info {};
  is_file_ = ::fstat(fd_.get(), &info) == 0 && S_ISREG(info.st_mode);
  // It may have come through the execution of this binary; no other one shall have it.
  (void)::fcntl(fd_.get(), F_SETFD, FD_CLOEXEC);
}

absl::StatusOr<Channel> Channel::MakeFile() {
  UniqueFd fd(::memfd_create("echogw-handover", MFD_CLOEXEC));
  if (!fd.valid()) return absl::ErrnoToStatus(errno, "memfd_create");
  return Channel(std::move(fd));
}

absl::Status Channel::Rewind() const {
  if (::lseek(fd_.get(), 0, SEEK_SET) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, "lseek");
}

absl::Status Channel::Append(const std::string& frame, const std::vector<int>& fds) const {
  std::string all = frame;
  const void* numbers = fds.data();
  all.append(static_cast<const char*>(numbers), fds.size() * sizeof(int));
  for (std::size_t done = 0; done < all.size();) {
    const ssize_t n = ::write(fd_.get(), all.data() + done, all.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return absl::ErrnoToStatus(errno, "write");
    done += static_cast<std::size_t>(n);
  }
  return absl::OkStatus();
}

absl::Status Channel::Read(void* into, std::size_t bytes) const {
  char* const to = static_cast<char*>(into);
  for (std::size_t got = 0; got < bytes;) {
    const ssize_t n = ::read(fd_.get(), to + got, bytes - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return absl::ErrnoToStatus(errno, "read");
    if (n == 0) return absl::UnavailableError("the file has no more");
    got += static_cast<std::size_t>(n);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::pair<Channel, UniqueFd>> Channel::MakePair() {
  std::array<int, 2> fds{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds.data()) != 0) {
    return absl::ErrnoToStatus(errno, "socketpair");
  }
  return std::pair{Channel(UniqueFd(fds[0])), UniqueFd(fds[1])};
}

void Channel::Shutdown() const { (void)::shutdown(fd_.get(), SHUT_RDWR); }

absl::Status Channel::Await(short events, Deadline deadline,
                            const std::atomic<bool>* cancelled) const {
  for (;;) {
    if (cancelled != nullptr && cancelled->load()) return absl::CancelledError("cancelled");
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    if (left.count() <= 0) {
      return absl::DeadlineExceededError("the other process did not respond in time");
    }
    pollfd wait{.fd = fd_.get(), .events = events, .revents = 0};
    const auto most = cancelled != nullptr ? std::min(left, kCancelCheck) : left;
    if (::poll(&wait, 1, static_cast<int>(std::min<std::int64_t>(most.count(), INT32_MAX))) > 0) {
      return absl::OkStatus();
    }
  }
}

absl::Status Channel::Send(const handover::Frame& frame, const std::vector<int>& fds,
                           Deadline deadline) const {
  CHECK(fds.size() <= kFdsMax);
  const std::string message = frame.SerializeAsString();
  if (message.size() > kFrameBytesMax) return absl::ResourceExhaustedError("a message is too long");
  Header header{.bytes = static_cast<std::uint32_t>(message.size()),
                .fds = static_cast<std::uint32_t>(fds.size())};
  std::string all(sizeof(header), '\0');
  std::memcpy(all.data(), &header, sizeof(header));
  all += message;
  if (is_file_) return Append(all, fds);
  ControlBuffer control{};
  const std::size_t fd_bytes = sizeof(int) * fds.size();
  for (std::size_t sent = 0; sent < all.size();) {
    iovec part{.iov_base = all.data() + sent, .iov_len = all.size() - sent};
    msghdr out{};
    out.msg_iov = &part;
    out.msg_iovlen = 1;
    if (sent == 0 && !fds.empty()) {
      control.header.cmsg_level = SOL_SOCKET;
      control.header.cmsg_type = SCM_RIGHTS;
      control.header.cmsg_len = CMSG_LEN(fd_bytes);
      std::memcpy(CMSG_DATA(&control.header), fds.data(), fd_bytes);
      out.msg_control = control.bytes.data();
      out.msg_controllen = CMSG_SPACE(fd_bytes);
    }
    const ssize_t n = ::sendmsg(fd_.get(), &out, MSG_NOSIGNAL);
    if (n > 0) {
      sent += static_cast<std::size_t>(n);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == ETOOMANYREFS && steady_clock::now() < deadline) {
      std::this_thread::sleep_for(kInFlightPause);
      continue;
    }
    if (errno == EPIPE || errno == ECONNRESET) {
      return absl::UnavailableError("the other process has ended");
    }
    if (errno != EAGAIN) return absl::ErrnoToStatus(errno, "sendmsg");
    if (absl::Status s = Await(POLLOUT, deadline, nullptr); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status Channel::ReceiveAll(std::string& into, std::vector<UniqueFd>& fds, Deadline deadline,
                                 const std::atomic<bool>* cancelled) const {
  if (is_file_) return Read(into.data(), into.size());
  for (std::size_t got = 0; got < into.size();) {
    ControlBuffer control{};
    iovec part{.iov_base = into.data() + got, .iov_len = into.size() - got};
    msghdr in{};
    in.msg_iov = &part;
    in.msg_iovlen = 1;
    in.msg_control = control.bytes.data();
    in.msg_controllen = control.bytes.size();
    const ssize_t n = ::recvmsg(fd_.get(), &in, MSG_CMSG_CLOEXEC);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      if (absl::Status s = Await(POLLIN, deadline, cancelled); !s.ok()) return s;
      continue;
    }
    if (n == 0 || (n < 0 && errno == ECONNRESET)) {
      return absl::UnavailableError("the other process has ended");
    }
    if (n < 0) return absl::ErrnoToStatus(errno, "recvmsg");
    for (cmsghdr* c = CMSG_FIRSTHDR(&in); c != nullptr; c = CMSG_NXTHDR(&in, c)) {
      if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
      const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (std::size_t i = 0; i < count; ++i) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
        fds.emplace_back(fd);
      }
    }
    if ((in.msg_flags & MSG_CTRUNC) != 0) {
      return absl::ResourceExhaustedError(
          "the limit on open descriptors is too low for what the other process sends");
    }
    got += static_cast<std::size_t>(n);
  }
  return absl::OkStatus();
}

absl::StatusOr<ReceivedFrame> Channel::Receive(Deadline deadline,
                                               const std::atomic<bool>* cancelled) const {
  ReceivedFrame out;
  std::string bytes(sizeof(Header), '\0');
  if (absl::Status s = ReceiveAll(bytes, out.fds, deadline, cancelled); !s.ok()) return s;
  Header header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.magic != kMagic || header.bytes > kFrameBytesMax) {
    return absl::InvalidArgumentError("the other process does not speak this protocol");
  }
  bytes.assign(header.bytes, '\0');
  if (absl::Status s = ReceiveAll(bytes, out.fds, deadline, cancelled); !s.ok()) return s;
  if (is_file_) {
    std::vector<int> numbers(std::min<std::size_t>(header.fds, kFdsMax));
    if (absl::Status s = Read(numbers.data(), numbers.size() * sizeof(int)); !s.ok()) return s;
    for (const int fd : numbers) {
      // They came through the execution of the binary; no other one shall have them.
      (void)::fcntl(fd, F_SETFD, FD_CLOEXEC);
      out.fds.emplace_back(fd);
    }
  }
  if (out.fds.size() != header.fds) {
    return absl::ResourceExhaustedError(
        absl::StrCat("of ", header.fds, " descriptors ", out.fds.size(), " arrived"));
  }
  if (!out.frame.ParseFromString(bytes)) {
    return absl::InvalidArgumentError("the other process sent a message that cannot be read");
  }
  return out;
}

}  // namespace echogw::server
