#include "ctl/engine/udp_load.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "ctl/engine/thread_share.h"

namespace echogw::ctl::load {

namespace {

// How often missing answers are looked for, as a part of their timeout.
constexpr int kLooksPerTimeout = 8;
constexpr std::size_t kAnswerMax = 65536;
// Answers taken from one socket before the others get their turn.
constexpr int kAnswersAtOnce = 64;

bool IsNoRoom(int error) { return error == EAGAIN || error == ENOBUFS || error == ENOMEM; }

}  // namespace

void UdpLoadResult::Merge(const UdpLoadResult& other) {
  latency.Merge(other.latency);
  sent += other.sent;
  answered += other.answered;
  lost += other.lost;
  late += other.late;
  wrong += other.wrong;
  refused += other.refused;
  io_errors += other.io_errors;
  if (first_error == 0) first_error = other.first_error;
  verified_bytes += other.verified_bytes;
  measured_answers += other.measured_answers;
  measured = std::max(measured, other.measured);
  measured_cpu += other.measured_cpu;
  interrupted = interrupted || other.interrupted;
}

// What one thread does: its sockets, each with `depth` places for datagrams under way.
class UdpLoad::Part {
 public:
  Part(const UdpLoadOptions& options, const Pattern& pattern, const std::atomic<bool>& stop,
       std::uint64_t first, std::size_t count, std::uint64_t messages)
      : options_(options),
        pattern_(pattern),
        stop_(stop),
        first_(first),
        count_(count),
        messages_(messages),
        places_(count * options.depth) {}
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;
  ~Part() {
    for (const Socket& socket : sockets_) ::close(socket.fd);
    if (epoll_ >= 0) ::close(epoll_);
  }

  [[nodiscard]] absl::Status Open();
  void Run();

  [[nodiscard]] UdpLoadResult& result() { return result_; }
  [[nodiscard]] std::uint64_t answered() const { return answered_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }

 private:
  struct Socket {
    int fd = -1;
    std::uint32_t phase = 0;
  };
  struct Place {
    std::uint64_t number = 0;  // of its last datagram: 1 + its index, then `depth` more each time
    LoadTime sent_at;
    bool due = false;
  };

  [[nodiscard]] bool MaySend() const { return !ending_ && result_.sent < messages_; }
  [[nodiscard]] Place& PlaceOf(std::size_t socket, std::uint64_t number) {
    return places_[socket * options_.depth + (number - 1) % options_.depth];
  }
  void Fill(std::size_t socket, LoadTime now);
  [[nodiscard]] bool Send(std::size_t socket, Place& place, std::uint64_t number, LoadTime now);
  void Read(std::size_t socket);
  void Judge(std::size_t socket, const char* data, std::size_t size, LoadTime now);
  void GiveUp(LoadTime now);
  void BeginMeasuring(LoadTime now);
  void EndMeasuring(LoadTime now);
  void CountError(int error);
  [[nodiscard]] int WaitMillis(LoadTime now) const;

  const UdpLoadOptions& options_;
  const Pattern& pattern_;
  const std::atomic<bool>& stop_;
  const std::uint64_t first_;
  const std::size_t count_;
  const std::uint64_t messages_;

  int epoll_ = -1;
  std::vector<Socket> sockets_;
  std::vector<Place> places_;
  std::vector<char> out_ = std::vector<char>(kAnswerMax);
  std::vector<char> in_ = std::vector<char>(kAnswerMax);
  UdpLoadResult result_;
  std::uint64_t due_ = 0;
  LoadTime began_;
  LoadTime measured_from_;
  LoadTime next_look_;
  std::chrono::nanoseconds cpu_before_{0};
  bool measuring_ = false;
  bool ending_ = false;

  // Writer: the part's thread. Readers: the owner's, for a line of progress.
  std::atomic<std::uint64_t> answered_{0};
  std::atomic<std::uint64_t> lost_{0};
};

absl::Status UdpLoad::Part::Open() {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) return absl::ErrnoToStatus(errno, "epoll_create1");
  for (std::size_t i = 0; i < count_; ++i) {
    const std::uint64_t serial = first_ + i;
    const int fd = ::socket(options_.target.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return absl::ErrnoToStatus(errno, "cannot open a UDP socket");
    sockets_.push_back({fd, pattern_.PhaseOf(serial)});
    if (!options_.sources.empty()) {
      const sockaddr_in& from = options_.sources[serial % options_.sources.size()];
      const void* generic = &from;
      if (::bind(fd, static_cast<const sockaddr*>(generic), sizeof(from)) != 0) {
        return absl::ErrnoToStatus(errno, "cannot bind a source address");
      }
    }
    // Connected: only the endpoint's answers arrive, and ICMP tells of an endpoint that is none.
    if (::connect(fd, options_.target.get(), options_.target.length) != 0) {
      return absl::ErrnoToStatus(errno,
                                 absl::StrCat("cannot send to ", options_.target.ToString()));
    }
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = i;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
      return absl::ErrnoToStatus(errno, "epoll_ctl");
    }
  }
  return absl::OkStatus();
}

void UdpLoad::Part::Run() {
  began_ = LoadClock::now();
  next_look_ = began_;
  if (options_.warmup.count() == 0) BeginMeasuring(began_);
  for (std::size_t s = 0; s < count_ && MaySend(); ++s) Fill(s, LoadClock::now());
  std::array<epoll_event, 64> events{};
  while (true) {
    LoadTime now = LoadClock::now();
    if (!measuring_ && now - began_ >= options_.warmup) BeginMeasuring(now);
    const bool over =
        options_.duration.count() > 0 && now - began_ >= options_.warmup + options_.duration;
    const bool stopped = stop_.load(std::memory_order_relaxed);
    if (!ending_ && (over || stopped)) {
      ending_ = true;
      result_.interrupted = stopped;
      EndMeasuring(now);
    }
    if (due_ == 0 && !MaySend()) break;
    if (now >= next_look_) GiveUp(now);
    const int n =
        ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), WaitMillis(now));
    for (int i = 0; i < n; ++i) {
      Read(static_cast<std::size_t>(events[static_cast<std::size_t>(i)].data.u64));
    }
  }
  // One that ends with its last message is measured up to the last answer.
  EndMeasuring(LoadClock::now());
}

int UdpLoad::Part::WaitMillis(LoadTime now) const {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(next_look_ - now);
  // Not past a stop or the end of the time.
  return static_cast<int>(std::clamp<std::int64_t>(left.count() + 1, 1, 20));
}

void UdpLoad::Part::BeginMeasuring(LoadTime now) {
  measuring_ = true;
  measured_from_ = now;
  cpu_before_ = ThreadCpuTime();
}

void UdpLoad::Part::EndMeasuring(LoadTime now) {
  if (!measuring_ || result_.measured.count() > 0) return;
  result_.measured = now - measured_from_;
  result_.measured_cpu = ThreadCpuTime() - cpu_before_;
}

// Sends into every place that has nothing under way.
void UdpLoad::Part::Fill(std::size_t socket, LoadTime now) {
  for (std::uint64_t index = 0; index < options_.depth && MaySend(); ++index) {
    Place& place = places_[socket * options_.depth + index];
    if (place.due) continue;
    const std::uint64_t number = place.number == 0 ? index + 1 : place.number + options_.depth;
    if (!Send(socket, place, number, now)) return;
  }
}

bool UdpLoad::Part::Send(std::size_t socket, Place& place, std::uint64_t number, LoadTime now) {
  const std::size_t size = options_.message_bytes;
  std::memcpy(out_.data(), &number, sizeof(number));
  std::memcpy(out_.data() + sizeof(number),
              pattern_.At(Pattern::Advance(sockets_[socket].phase, number % Pattern::kPeriod)),
              size - sizeof(number));
  while (::send(sockets_[socket].fd, out_.data(), size, MSG_NOSIGNAL) < 0) {
    if (errno == EINTR) continue;
    if (IsNoRoom(errno)) return false;  // tried again with the next answer, or the next look
    // What ICMP told of an earlier one is told once; that one counts as lost when its time comes.
    CountError(errno);
    return false;
  }
  place = {.number = number, .sent_at = now, .due = true};
  ++due_;
  ++result_.sent;
  return true;
}

void UdpLoad::Part::CountError(int error) {
  ++(error == ECONNREFUSED ? result_.refused : result_.io_errors);
  if (result_.first_error == 0) result_.first_error = error;
}

void UdpLoad::Part::Read(std::size_t socket) {
  for (int i = 0; i < kAnswersAtOnce; ++i) {
    const ssize_t n = ::recv(sockets_[socket].fd, in_.data(), in_.size(), 0);
    if (n < 0) {
      if (errno == EAGAIN) break;
      if (errno != EINTR) CountError(errno);
      continue;
    }
    Judge(socket, in_.data(), static_cast<std::size_t>(n), LoadClock::now());
  }
  // Places that a full buffer left idle.
  if (due_ < places_.size()) Fill(socket, LoadClock::now());
}

void UdpLoad::Part::Judge(std::size_t socket, const char* data, std::size_t size, LoadTime now) {
  std::uint64_t number = 0;
  if (size != options_.message_bytes) {
    ++result_.wrong;
    return;
  }
  std::memcpy(&number, data, sizeof(number));
  const std::uint32_t phase = Pattern::Advance(sockets_[socket].phase, number % Pattern::kPeriod);
  if (number == 0 || pattern_.Compare(phase, data + sizeof(number), size - sizeof(number))) {
    ++result_.wrong;
    return;
  }
  Place& place = PlaceOf(socket, number);
  if (number > place.number) {
    ++result_.wrong;  // never sent
    return;
  }
  if (number < place.number || !place.due) {
    ++result_.late;
    return;
  }
  place.due = false;
  --due_;
  ++result_.answered;
  result_.verified_bytes += size;
  answered_.store(result_.answered, std::memory_order_relaxed);
  if (measuring_ && place.sent_at >= measured_from_) {
    result_.latency.Record(now - place.sent_at);
    if (!ending_) ++result_.measured_answers;
  }
  if (MaySend()) (void)Send(socket, place, number + options_.depth, now);
}

// Answers that are missing for too long will not come: the next datagram takes the place.
void UdpLoad::Part::GiveUp(LoadTime now) {
  next_look_ = now + options_.answer_timeout / kLooksPerTimeout;
  for (Place& place : places_) {
    if (!place.due || now - place.sent_at < options_.answer_timeout) continue;
    place.due = false;
    --due_;
    ++result_.lost;
  }
  lost_.store(result_.lost, std::memory_order_relaxed);
  for (std::size_t s = 0; s < count_ && MaySend(); ++s) Fill(s, now);
}

UdpLoad::UdpLoad(UdpLoadOptions options) : options_(std::move(options)), pattern_(options_.seed) {}

UdpLoad::~UdpLoad() {
  Stop();
  Join();
}

absl::StatusOr<std::unique_ptr<UdpLoad>> UdpLoad::Start(UdpLoadOptions options) {
  if (options.threads < 1 || options.sockets < options.threads || options.depth < 1 ||
      options.message_bytes < UdpLoadOptions::kBytesMin ||
      options.message_bytes > UdpLoadOptions::kBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("datagrams need a thread, a socket for each thread, a depth, and ",
                     UdpLoadOptions::kBytesMin, " to ", UdpLoadOptions::kBytesMax, " bytes"));
  }
  if (absl::Status status = CheckCpus(options.cpus); !status.ok()) return status;
  std::unique_ptr<UdpLoad> load(new UdpLoad(std::move(options)));
  const UdpLoadOptions& o = load->options_;
  std::uint64_t first = 0;
  for (std::size_t i = 0; i < o.threads; ++i) {
    const std::uint64_t count = PartOf(o.sockets, i, o.threads);
    const std::uint64_t messages = o.messages == 0 ? UINT64_MAX : PartOf(o.messages, i, o.threads);
    load->parts_.push_back(
        std::make_unique<Part>(o, load->pattern_, load->stop_, first, count, messages));
    first += count;
    if (absl::Status s = load->parts_.back()->Open(); !s.ok()) return s;
  }
  load->running_ = o.threads;
  for (std::size_t i = 0; i < o.threads; ++i) {
    const int cpu = o.cpus.empty() ? -1 : o.cpus[i % o.cpus.size()];
    try {
      load->threads_.emplace_back([self = load.get(), cpu, part = load->parts_[i].get()] {
        if (cpu >= 0) PinThisThread(cpu);
        part->Run();
        const std::lock_guard lock(self->mutex_);
        --self->running_;
        self->ended_.notify_all();
      });
    } catch (const std::system_error& error) {
      return absl::ResourceExhaustedError(
          absl::StrCat("cannot start a client thread: ", error.what(), "; use fewer --threads"));
    }
  }
  return load;
}

bool UdpLoad::WaitDone(std::chrono::nanoseconds timeout) {
  std::unique_lock lock(mutex_);
  return ended_.wait_for(lock, timeout, [this] { return running_ == 0; });
}

std::uint64_t UdpLoad::answered() const {
  std::uint64_t sum = 0;
  for (const auto& part : parts_) sum += part->answered();
  return sum;
}

std::uint64_t UdpLoad::lost() const {
  std::uint64_t sum = 0;
  for (const auto& part : parts_) sum += part->lost();
  return sum;
}

UdpLoadResult UdpLoad::Finish() {
  Join();
  UdpLoadResult result;
  for (const auto& part : parts_) result.Merge(part->result());
  return result;
}

void UdpLoad::Join() {
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

}  // namespace echogw::ctl::load
