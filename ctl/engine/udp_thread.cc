#include "ctl/engine/udp_thread.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace echogw::ctl::load {
namespace {

// How often missing answers are looked for, as a fraction of their timeout.
constexpr int kChecksPerTimeout = 8;
// How soon a stop or the end of the time is seen.
constexpr std::chrono::milliseconds kUdpCheckEvery{20};
constexpr std::size_t kAnswerMax = 65536;
// Answers taken from one socket before the others get their turn.
constexpr int kAnswersAtOnce = 64;

bool IsNoRoom(int error) { return error == EAGAIN || error == ENOBUFS || error == ENOMEM; }

}  // namespace

absl::Status UdpThread::Check(const UdpLoadOptions& options) {
  if (options.threads >= 1 && options.connections >= options.threads && options.depth >= 1 &&
      options.message_bytes >= UdpLoadOptions::kBytesMin &&
      options.message_bytes <= UdpLoadOptions::kBytesMax) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("datagrams need a thread, a socket for each thread, a depth, and ",
                   UdpLoadOptions::kBytesMin, " to ", UdpLoadOptions::kBytesMax, " bytes"));
}

UdpThread::UdpThread(const UdpLoadOptions& options, const Pattern& pattern, const LoadShare& share,
                     StartGate& gate, const std::atomic<bool>& stop)
    : options_(options),
      pattern_(pattern),
      share_(share),
      gate_(gate),
      stop_(stop),
      places_(share.count * options.depth),
      out_(kAnswerMax),
      in_(kAnswerMax) {}

UdpThread::~UdpThread() {
  for (const Socket& socket : sockets_) ::close(socket.fd);
}

absl::Status UdpThread::Open() {
  if (absl::Status status = wait_.Open(); !status.ok()) return status;
  for (std::size_t i = 0; i < share_.count; ++i) {
    if (absl::Status status = OpenSocket(share_.first + i); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status UdpThread::OpenSocket(std::uint64_t serial) {
  const int fd = ::socket(options_.target.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return absl::ErrnoToStatus(errno, "cannot open a UDP socket");
  sockets_.push_back({fd, pattern_.PhaseOf(serial)});
  if (!options_.sources.empty()) {
    const sockaddr_in& from = options_.sources[serial % options_.sources.size()];
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof(from)) != 0) {
      return absl::ErrnoToStatus(errno, "cannot bind a source address");
    }
  }
  // A connected socket receives only from the endpoint, and reports ICMP errors.
  if (::connect(fd, options_.target.get(), options_.target.length) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot send to ", options_.target.ToString()));
  }
  if (LocalPort(fd) == options_.target.port()) {
    // The gateway does not answer its own port number. Held until another port is chosen.
    sockets_.pop_back();
    const absl::Status status = OpenSocket(serial);
    ::close(fd);
    return status;
  }
  const int error = wait_.Watch(fd, EPOLLIN, sockets_.size() - 1);
  return error != 0 ? absl::ErrnoToStatus(error, "epoll_ctl") : absl::OkStatus();
}

void UdpThread::Run() {
  LoadTime now = gate_.ArriveAndWait();
  next_expiry_ = now;
  window_.Open(now, options_.warmup, options_.duration);
  window_.Update(now);
  FillAll(now);
  for (;;) {
    now = LoadClock::now();
    window_.Update(now);
    const bool stopped = stop_.load(std::memory_order_relaxed);
    if (!window_.closed() && (stopped || window_.IsOver(now))) {
      result_.interrupted = stopped;
      window_.Close(now);
    }
    if (awaited_ == 0 && !MaySend()) break;
    if (now >= next_expiry_) ExpireAnswers(now);
    const LoadTime check = std::min(next_expiry_, now + kUdpCheckEvery);
    for (const epoll_event& event : wait_.Wait(now, LoadTime::max(), check)) {
      Read(static_cast<std::size_t>(event.data.u64));
    }
  }
  // A load that ends with its last message is measured up to the last answer.
  window_.Close(LoadClock::now());
  result_.measured = window_.measured();
  result_.measured_cpu = window_.cpu();
}

void UdpThread::Fill(std::size_t socket, LoadTime now) {
  for (std::uint64_t index = 0; index < options_.depth && MaySend(); ++index) {
    Place& place = places_[socket * options_.depth + index];
    if (place.awaits) continue;
    const std::uint64_t number = place.number == 0 ? index + 1 : place.number + options_.depth;
    if (!Send(socket, place, number, now)) return;
  }
}

void UdpThread::FillAll(LoadTime now) {
  for (std::size_t i = 0; i < sockets_.size() && MaySend(); ++i) Fill(i, now);
}

bool UdpThread::Send(std::size_t socket, Place& place, std::uint64_t number, LoadTime now) {
  const std::size_t size = options_.message_bytes;
  std::memcpy(out_.data(), &number, sizeof(number));
  std::memcpy(out_.data() + sizeof(number), BytesOf(socket, number), size - sizeof(number));
  while (::send(sockets_[socket].fd, out_.data(), size, MSG_NOSIGNAL) < 0) {
    if (errno == EINTR) continue;
    // A full buffer: tried again with the next answer or check. An ICMP error is about an earlier
    // datagram, which counts as lost when its time is over.
    if (!IsNoRoom(errno)) CountError(errno);
    return false;
  }
  place = {.number = number, .sent_at = now, .awaits = true};
  ++awaited_;
  ++result_.sent;
  return true;
}

void UdpThread::CountError(int error) {
  ++(error == ECONNREFUSED ? result_.refused : result_.io_errors);
  if (result_.first_error == 0) result_.first_error = error;
}

void UdpThread::Read(std::size_t socket) {
  for (int i = 0; i < kAnswersAtOnce; ++i) {
    const ssize_t n = ::recv(sockets_[socket].fd, in_.data(), in_.size(), 0);
    if (n < 0) {
      if (errno == EAGAIN) break;
      if (errno != EINTR) CountError(errno);
      continue;
    }
    Check(socket, in_.data(), static_cast<std::size_t>(n), LoadClock::now());
  }
  // Places that a full buffer left idle.
  if (awaited_ < places_.size()) Fill(socket, LoadClock::now());
}

void UdpThread::Check(std::size_t socket, const char* data, std::size_t size, LoadTime now) {
  std::uint64_t number = 0;
  if (size == options_.message_bytes) std::memcpy(&number, data, sizeof(number));
  if (number == 0 ||
      pattern_.Compare(PhaseOf(socket, number), data + sizeof(number), size - sizeof(number))) {
    ++result_.wrong;
    return;
  }
  Place& place = places_[socket * options_.depth + (number - 1) % options_.depth];
  if (number > place.number) {
    ++result_.wrong;  // never sent
    return;
  }
  if (number < place.number || !place.awaits) {
    ++result_.late;
    return;
  }
  place.awaits = false;
  --awaited_;
  ++result_.answered;
  result_.verified_bytes += size;
  progress_.messages.store(result_.answered, std::memory_order_relaxed);
  if (window_.Covers(place.sent_at)) {
    result_.latency.Record(now - place.sent_at);
    if (!window_.closed()) ++result_.measured_messages;
  }
  if (MaySend()) (void)Send(socket, place, number + options_.depth, now);
}

void UdpThread::ExpireAnswers(LoadTime now) {
  next_expiry_ = Later(now, options_.answer_timeout / kChecksPerTimeout);
  for (Place& place : places_) {
    if (!place.awaits || now - place.sent_at < options_.answer_timeout) continue;
    place.awaits = false;
    --awaited_;
    ++result_.lost;
  }
  progress_.errors.store(result_.lost, std::memory_order_relaxed);
  FillAll(now);
}

}  // namespace echogw::ctl::load
