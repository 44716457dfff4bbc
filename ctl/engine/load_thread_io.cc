// The part of LoadThread that deals with one connection: sockets, bytes and what they mean.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_format.h"
#include "ctl/engine/load_thread.h"

namespace echogw::ctl::load {

namespace {

// A churn slot waits this long after a failure, so that a dead endpoint does not make it spin.
constexpr std::chrono::nanoseconds kPauseAfterFailure = std::chrono::milliseconds(20);

ErrorKind KindOfIoError(int error) {
  return error == ECONNRESET || error == EPIPE ? ErrorKind::kReset : ErrorKind::kIo;
}

ErrorKind KindOfConnectError(int error) {
  switch (error) {
    case EADDRNOTAVAIL:
    case EADDRINUSE:
    case EAGAIN:
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return ErrorKind::kClientLimit;
    case ETIMEDOUT:
      return ErrorKind::kConnectTimeout;
    default:
      return ErrorKind::kConnect;
  }
}

}  // namespace

void LoadThread::Handle(Connection& connection, std::uint32_t events) {
  // What the echo is compared with, and what goes out next: fetched while the kernel is asked.
  pattern_.Prefetch(connection.receive_phase);
  pattern_.Prefetch(connection.send_phase);
  const std::uint32_t ended = events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);
  if (connection.state == State::kConnecting) {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(connection.fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) {
      Fail(connection, KindOfConnectError(error), error);
      return;
    }
    if ((events & EPOLLOUT) == 0 || !Shake(connection)) return;
    OnConnected(connection);
    if (connection.state != State::kOpen) return;
  }
  if ((events & EPOLLIN) != 0 || ended != 0) Read(connection, ended != 0);
  if ((events & EPOLLOUT) != 0) connection.blocked = false;
  if (connection.state == State::kOpen && !connection.blocked) Send(connection);
}

// The socket of the connection, bound and watched; or the errno of what failed.
int LoadThread::OpenSocket(Connection& connection) {
  const bool unix_socket = options_.target.family() == AF_UNIX;
  connection.fd = socket(options_.target.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                         unix_socket ? 0 : IPPROTO_TCP);
  if (connection.fd < 0) return errno;
  const int on = 1;
  if (!unix_socket && setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
    return errno;
  if (!options_.sources.empty()) {
    // The port is chosen by connect(), which may share it between destinations; bind() alone
    // would take a port of the whole address.
    if (setsockopt(connection.fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0) {
      return errno;
    }
    const std::uint64_t turn = share_.first + result_.connects_begun;
    const sockaddr_in& source = options_.sources[turn % options_.sources.size()];
    if (bind(connection.fd, reinterpret_cast<const sockaddr*>(&source), sizeof source) != 0) {
      return errno;
    }
  }
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = IndexOf(connection);
  return epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event) != 0 ? errno : 0;
}

void LoadThread::Connect(Connection& connection, LoadTime now, LoadTime cycle_began) {
  connection = Connection{};
  connection.serial = next_serial_;
  next_serial_ += options_.threads == 1 || !churn() ? 1 : options_.connections;
  connection.send_phase = connection.receive_phase = pattern_.PhaseOf(connection.serial);
  connection.connect_began = connection.last_progress = now;
  connection.cycle_began = cycle_began;
  connection.state = State::kConnecting;
  ++connecting_;
  ++result_.connects_begun;
  int error = OpenSocket(connection);
  if (error != 0) {
    Fail(connection, ErrorKind::kClientLimit, error);
    return;
  }
  // Established or not, the watch reports it.
  if (connect(connection.fd, options_.target.get(), options_.target.length) == 0) return;
  error = errno;
  if (error != EINPROGRESS) Fail(connection, KindOfConnectError(error), error);
}

bool LoadThread::Shake(Connection& connection) {
  if (options_.tls == nullptr) return true;
  if (connection.tls == nullptr) {
    connection.tls = std::make_unique<TlsClient>(*options_.tls, connection.fd);
  }
  switch (connection.tls->Handshake()) {
    case TlsClient::Shake::kDone:
      return true;
    case TlsClient::Shake::kGoOn:
      return false;
    case TlsClient::Shake::kFailed:
      break;
  }
  Fail(connection, ErrorKind::kConnect, EPROTO, connection.tls->error());
  return false;
}

ssize_t LoadThread::Receive(Connection& connection) {
  if (connection.tls != nullptr) return connection.tls->Receive(buffer_.data(), buffer_.size());
  return recv(connection.fd, buffer_.data(), buffer_.size(), 0);
}

ssize_t LoadThread::Transmit(Connection& connection, const char* from, std::size_t size) {
  if (connection.tls != nullptr) return connection.tls->Send(from, size);
  return send(connection.fd, from, size, MSG_NOSIGNAL);
}

std::size_t LoadThread::SkipBanner(Connection& connection, std::size_t size) const {
  if (!connection.in_banner) return 0;
  const void* end = std::memchr(buffer_.data(), '\n', size);
  if (end == nullptr) return size;
  connection.in_banner = false;
  return static_cast<std::size_t>(static_cast<const char*>(end) - buffer_.data()) + 1;
}

void LoadThread::OnConnected(Connection& connection) {
  const LoadTime now = LoadClock::now();
  const std::chrono::nanoseconds took = now - connection.connect_began;
  --connecting_;
  ++open_;
  connection.state = State::kOpen;
  connection.in_banner = options_.banner;
  connection.last_progress = now;
  ++result_.connects;
  if (!churn() || (IsMeasured(connection.connect_began) && !stopping_)) {
    ++result_.measured_connects;
    result_.connect_latency.Record(took);
  }
  NoteSlow(connection, SlowConnection::What::kConnect, took);
  if (!churn()) return;
  connection.due = connection.issued = 1;
  ++unanswered_;
}

void LoadThread::Read(Connection& connection, bool until_empty) {
  for (;;) {
    const ssize_t size = Receive(connection);
    if (size > 0) {
      const auto got = static_cast<std::size_t>(size);
      const std::size_t banner = SkipBanner(connection, got);
      if (got > banner && !Consume(connection, buffer_.data() + banner, got - banner)) return;
      // Edge-triggered: what comes after a short read is a new event. A FIN or an error that was
      // reported with this event is not.
      if (got < buffer_.size() && !until_empty && connection.tls == nullptr) return;
      continue;
    }
    if (size == 0) {
      OnEof(connection);
      return;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) Fail(connection, KindOfIoError(errno), errno);
    return;
  }
}

bool LoadThread::Consume(Connection& connection, const char* bytes, std::size_t size) {
  if (const auto wrong = pattern_.Compare(connection.receive_phase, bytes, size)) {
    result_.wrong_bytes += wrong->count;
    connection.received_bytes += wrong->first;
    result_.verified_bytes += wrong->first;
    Fail(connection, ErrorKind::kWrongBytes, 0,
         absl::StrFormat("expected 0x%02x, got 0x%02x, %u wrong in %u bytes", wrong->expected,
                         static_cast<unsigned char>(bytes[wrong->first]), wrong->count, size));
    return false;
  }
  if (size > connection.sent_bytes - connection.received_bytes) {
    Fail(connection, ErrorKind::kSurplusBytes, 0,
         absl::StrFormat("%u more than were sent",
                         size - (connection.sent_bytes - connection.received_bytes)));
    return false;
  }
  const LoadTime now = LoadClock::now();
  connection.received_bytes += size;
  connection.receive_phase = Pattern::Advance(connection.receive_phase, size);
  connection.last_progress = now;
  result_.verified_bytes += size;
  while (connection.completed < connection.issued &&
         connection.received_bytes >= (connection.completed + 1) * options_.message_bytes) {
    CompleteMessage(connection, now);
  }
  if (!churn()) return true;
  if (connection.completed == 0) return true;
  if (options_.await_fin) {
    BeginFinish(connection);
    return connection.state == State::kFinishing;
  }
  Close(connection);
  return false;
}

void LoadThread::CompleteMessage(Connection& connection, LoadTime now) {
  LoadTime began;
  if (churn()) {
    began = connection.cycle_began;
    NoteSlow(connection, SlowConnection::What::kFirstEcho, now - connection.connect_began);
  } else if (options_.rate > 0) {
    began = IntendedTime(connection);
  } else {
    LoadTime& place = send_times_[IndexOf(connection) * options_.depth + connection.oldest];
    if (++connection.oldest == options_.depth) connection.oldest = 0;
    began = place;
    place = now;
  }
  ++connection.completed;
  --unanswered_;
  ++result_.messages;
  if (IsMeasured(now) && !stopping_) ++result_.measured_messages;
  if (IsMeasured(began)) result_.latency.Record(now - began);
  if (churn()) return;
  if (options_.rate > 0) {
    IssueStream(connection, now);
  } else if (!stopping_ && messages_left_ > 0) {
    // Goes out in place of the one that came back, and its time stands there already.
    --messages_left_;
    ++connection.due;
    ++connection.issued;
    ++unanswered_;
  }
}

// With a rate: lets out what is due and fits the depth. Without: the first messages.
void LoadThread::IssueStream(Connection& connection, LoadTime now) {
  if (connection.issued == connection.completed) connection.last_progress = now;
  if (options_.rate > 0) {
    connection.issued = std::min(connection.due, connection.completed + options_.depth);
    return;
  }
  const std::uint64_t count = std::min(options_.depth, messages_left_);
  messages_left_ -= count;
  connection.due = connection.issued = count;
  unanswered_ += count;
  std::fill_n(
      send_times_.begin() + static_cast<std::ptrdiff_t>(IndexOf(connection) * options_.depth),
      options_.depth, now);
}

void LoadThread::Send(Connection& connection) {
  const std::uint64_t wanted = connection.issued * options_.message_bytes;
  while (connection.sent_bytes < wanted) {
    const std::size_t size =
        std::min<std::uint64_t>(wanted - connection.sent_bytes, Pattern::kContiguous);
    const ssize_t sent = Transmit(connection, pattern_.At(connection.send_phase), size);
    if (sent < 0) {
      if (errno == EINTR) continue;
      // EAGAIN: the next EPOLLOUT goes on. A reset is also reported to the reading side, which may
      // still hold bytes: Read() finds it.
      connection.blocked = errno == EAGAIN;
      if (errno != EAGAIN && errno != ECONNRESET) Fail(connection, KindOfIoError(errno), errno);
      return;
    }
    connection.sent_bytes += static_cast<std::uint64_t>(sent);
    connection.send_phase = Pattern::Advance(connection.send_phase, static_cast<std::size_t>(sent));
    if (static_cast<std::size_t>(sent) < size) {
      connection.blocked = true;
      return;
    }
  }
}

// All answers are in: says so to the server and waits for its FIN.
void LoadThread::BeginFinish(Connection& connection) {
  --open_;
  ++finishing_;
  connection.state = State::kFinishing;
  connection.last_progress = LoadClock::now();
  if (connection.tls != nullptr) connection.tls->End();
  if (shutdown(connection.fd, SHUT_WR) != 0) Fail(connection, KindOfIoError(errno), errno);
}

void LoadThread::OnEof(Connection& connection) {
  if (connection.state == State::kFinishing) {
    Close(connection);
    return;
  }
  Fail(connection, ErrorKind::kEarlyEof, 0,
       absl::StrFormat("%u bytes not echoed", connection.sent_bytes - connection.received_bytes));
}

void LoadThread::Fail(Connection& connection, ErrorKind kind, int error, std::string text) {
  result_.errors.Add(
      {.time = std::chrono::system_clock::now(),
       .kind = kind,
       .error = error,
       .connection = connection.serial,
       .local_port = connection.fd >= 0 ? LocalPort(connection.fd) : std::uint16_t{0},
       .offset = connection.received_bytes,
       .text = std::move(text)});
  Close(connection);
  if (!churn()) return;
  // Close() made the slot ready at once; a failure pauses it.
  idle_.pop_back();
  paused_.emplace_back(LoadClock::now() + kPauseAfterFailure, IndexOf(connection));
}

// Ends the connection; a churn slot is ready for the next one.
void LoadThread::Close(Connection& connection) {
  connection.tls.reset();
  if (connection.fd >= 0) close(connection.fd);
  connection.fd = -1;
  if (connection.state == State::kConnecting) --connecting_;
  if (connection.state == State::kOpen) --open_;
  if (connection.state == State::kFinishing) --finishing_;
  unanswered_ -= connection.due - connection.completed;
  connection.due = connection.issued = connection.completed;
  if (churn()) {
    connection.state = State::kIdle;
    idle_.push_back(IndexOf(connection));
  } else {
    connection.state = State::kDead;
    ++dead_;
  }
}

void LoadThread::NoteSlow(const Connection& connection, SlowConnection::What what,
                          std::chrono::nanoseconds took) {
  if (options_.slow_threshold.count() == 0 || took <= options_.slow_threshold) return;
  ++result_.slow_count;
  if (result_.slow.size() >= LoadResult::kSlowDetails) return;
  result_.slow.push_back({.time = std::chrono::system_clock::now(),
                          .what = what,
                          .took = took,
                          .connection = connection.serial,
                          .local_port = LocalPort(connection.fd)});
}

}  // namespace echogw::ctl::load
