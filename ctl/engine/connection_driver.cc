#include "ctl/engine/connection_driver.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_format.h"

namespace echogw::ctl::load {
namespace {

using State = LoadConnection::State;

// A churn slot waits this long after a failure, so that a dead endpoint does not make it spin.
constexpr Duration kPauseAfterFailure = std::chrono::milliseconds(20);

ErrorKind KindOfIoError(int error) {
  return error == ECONNRESET || error == EPIPE ? ErrorKind::kReset : ErrorKind::kIo;
}

ErrorKind KindOfConnectError(int error) {
  for (const int limit : {EADDRNOTAVAIL, EADDRINUSE, EAGAIN, EMFILE, ENFILE, ENOBUFS, ENOMEM}) {
    if (error == limit) return ErrorKind::kClientLimit;
  }
  return error == ETIMEDOUT ? ErrorKind::kConnectTimeout : ErrorKind::kConnect;
}

}  // namespace

ConnectionDriver::ConnectionDriver(const LoadOptions& options, const Pattern& pattern,
                                   const LoadShare& share, ConnectionSlots& slots,
                                   Schedule& schedule, const MeasuredWindow& window,
                                   const EventWait& wait)
    : options_(options),
      pattern_(pattern),
      first_(share.first),
      slots_(slots),
      schedule_(schedule),
      window_(window),
      wait_(wait),
      buffer_(Pattern::kContiguous),
      next_serial_(share.first) {
  if (!schedule.has_rate() && !churn()) send_times_.resize(share.count * options.depth);
}

void ConnectionDriver::Connect(LoadTime now, LoadTime cycle_began) {
  LoadConnection& connection = slots_.TakeIdle();
  connection.serial = next_serial_;
  next_serial_ += options_.threads == 1 || !churn() ? 1 : options_.connections;
  connection.send_phase = connection.receive_phase = pattern_.PhaseOf(connection.serial);
  connection.connect_began = connection.last_progress = now;
  connection.cycle_began = cycle_began;
  const std::uint64_t turn = first_ + result_.connects_begun++;
  const std::vector<sockaddr_in>& sources = options_.sources;
  int error = connection.socket.Open(options_.target,
                                     sources.empty() ? nullptr : &sources[turn % sources.size()]);
  if (error == 0) {
    error = wait_.Watch(connection.socket.fd(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                        slots_.IndexOf(connection));
  }
  if (error != 0) {
    Fail(connection, ErrorKind::kClientLimit, error);
    return;
  }
  error = connection.socket.Connect(options_.target);
  if (error != 0) Fail(connection, KindOfConnectError(error), error);
}

void ConnectionDriver::Handle(LoadConnection& connection, std::uint32_t events) {
  // What the echo is compared with, and what is sent next: fetched while the kernel is asked.
  pattern_.Prefetch(connection.receive_phase);
  pattern_.Prefetch(connection.send_phase);
  const bool ended = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
  if (connection.state == State::kConnecting) {
    if (const int error = connection.socket.ConnectError(); error != 0) {
      Fail(connection, KindOfConnectError(error), error);
      return;
    }
    if ((events & EPOLLOUT) == 0 || !Handshake(connection)) return;
    OnConnected(connection);
  }
  if ((events & EPOLLIN) != 0 || ended) Read(connection, ended);
  if ((events & EPOLLOUT) != 0) connection.blocked = false;
  if (connection.state == State::kOpen && !connection.blocked) Send(connection);
}

bool ConnectionDriver::Handshake(LoadConnection& connection) {
  const TlsClient::Progress progress = connection.socket.Handshake(options_.tls.get());
  if (progress == TlsClient::Progress::kFailed) {
    Fail(connection, ErrorKind::kConnect, EPROTO, connection.socket.tls()->error());
  }
  return progress == TlsClient::Progress::kDone;
}

void ConnectionDriver::OnConnected(LoadConnection& connection) {
  const LoadTime now = LoadClock::now();
  const Duration took = now - connection.connect_began;
  slots_.Enter(connection, State::kOpen);
  connection.in_banner = options_.banner;
  connection.last_progress = now;
  ++result_.connects;
  if (!churn() || (window_.Covers(connection.connect_began) && !window_.closed())) {
    ++result_.measured_connects;
    result_.connect_latency.Record(took);
  }
  NoteSlow(connection, SlowConnection::What::kConnect, took);
  if (!churn()) return;
  connection.due = connection.issued = 1;
  ++unanswered_;
}

void ConnectionDriver::Read(LoadConnection& connection, bool until_empty) {
  for (;;) {
    const ssize_t size = connection.socket.Receive(buffer_);
    if (size > 0) {
      const auto got = static_cast<std::size_t>(size);
      const std::size_t banner = SkipBanner(connection, got);
      if (got > banner && !Consume(connection, buffer_.data() + banner, got - banner)) return;
      // Bytes after a short read raise a new event; a FIN or error reported with this one does not.
      if (got < buffer_.size() && !until_empty && connection.socket.tls() == nullptr) return;
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

std::size_t ConnectionDriver::SkipBanner(LoadConnection& connection, std::size_t size) const {
  if (!connection.in_banner) return 0;
  const void* end = std::memchr(buffer_.data(), '\n', size);
  if (end == nullptr) return size;
  connection.in_banner = false;
  return static_cast<std::size_t>(static_cast<const char*>(end) - buffer_.data()) + 1;
}

bool ConnectionDriver::Consume(LoadConnection& connection, const char* bytes, std::size_t size) {
  if (const auto wrong = pattern_.Compare(connection.receive_phase, bytes, size)) {
    result_.wrong_bytes += wrong->count;
    connection.received_bytes += wrong->first;
    result_.verified_bytes += wrong->first;
    Fail(connection, ErrorKind::kWrongBytes, 0,
         absl::StrFormat("expected 0x%02x, got 0x%02x, %u wrong in %u bytes", wrong->expected,
                         static_cast<unsigned char>(bytes[wrong->first]), wrong->count, size));
    return false;
  }
  const std::uint64_t missing = connection.sent_bytes - connection.received_bytes;
  if (size > missing) {
    Fail(connection, ErrorKind::kSurplusBytes, 0,
         absl::StrFormat("%u more than were sent", size - missing));
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
  if (!churn() || connection.completed == 0) return true;
  if (options_.await_fin) {
    Finish(connection);
    return connection.state == State::kFinishing;
  }
  Close(connection);
  return false;
}

void ConnectionDriver::CompleteMessage(LoadConnection& connection, LoadTime now) {
  const LoadTime began = BeginOfOldest(connection, now);
  ++connection.completed;
  --unanswered_;
  ++result_.messages;
  if (window_.Counts(now)) ++result_.measured_messages;
  if (window_.Covers(began)) result_.latency.Record(now - began);
  if (churn()) {
    NoteSlow(connection, SlowConnection::What::kFirstEcho, now - connection.connect_began);
  } else if (schedule_.has_rate()) {
    IssueDue(connection, now);
  } else if (!window_.closed() && schedule_.Take(1) == 1) {
    ++connection.due;
    ++connection.issued;
    ++unanswered_;
  }
}

LoadTime ConnectionDriver::BeginOfOldest(LoadConnection& connection, LoadTime now) {
  if (churn()) return connection.cycle_began;
  const std::size_t index = slots_.IndexOf(connection);
  if (schedule_.has_rate()) {
    return schedule_.DueTime(connection.completed * slots_.size() + index);
  }
  LoadTime& place = send_times_[index * options_.depth + connection.oldest];
  if (++connection.oldest == options_.depth) connection.oldest = 0;
  // The message that takes its place is sent now.
  return std::exchange(place, now);
}

void ConnectionDriver::Begin(LoadConnection& connection, LoadTime now) {
  connection.last_progress = now;
  const std::uint64_t count = schedule_.Take(options_.depth);
  connection.due = connection.issued = count;
  unanswered_ += count;
  std::fill_n(send_times_.begin() +
                  static_cast<std::ptrdiff_t>(slots_.IndexOf(connection) * options_.depth),
              options_.depth, now);
  Send(connection);
}

void ConnectionDriver::AddDue(LoadConnection& connection, LoadTime now) {
  ++connection.due;
  ++unanswered_;
  IssueDue(connection, now);
  if (!connection.blocked) Send(connection);
}

void ConnectionDriver::IssueDue(LoadConnection& connection, LoadTime now) {
  if (connection.issued == connection.completed) connection.last_progress = now;
  connection.issued = std::min(connection.due, connection.completed + options_.depth);
}

void ConnectionDriver::Send(LoadConnection& connection) {
  const std::uint64_t wanted = connection.issued * options_.message_bytes;
  while (connection.sent_bytes < wanted) {
    const std::size_t size =
        std::min<std::uint64_t>(wanted - connection.sent_bytes, Pattern::kContiguous);
    const ssize_t sent = connection.socket.Send(pattern_.At(connection.send_phase), size);
    if (sent < 0) {
      if (errno == EINTR) continue;
      // After EAGAIN an EPOLLOUT follows. Read() reports a reset: it may find bytes before it.
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

void ConnectionDriver::Finish(LoadConnection& connection) {
  slots_.Enter(connection, State::kFinishing);
  connection.last_progress = LoadClock::now();
  const int error = connection.socket.EndSending();
  if (error != 0) Fail(connection, KindOfIoError(error), error);
}

void ConnectionDriver::OnEof(LoadConnection& connection) {
  if (connection.state == State::kFinishing) {
    Close(connection);
    return;
  }
  Fail(connection, ErrorKind::kEarlyEof, 0,
       absl::StrFormat("%u bytes not echoed", connection.sent_bytes - connection.received_bytes));
}

void ConnectionDriver::Fail(LoadConnection& connection, ErrorKind kind, int error,
                            std::string text) {
  result_.errors.Add({.time = std::chrono::system_clock::now(),
                      .kind = kind,
                      .error = error,
                      .connection = connection.serial,
                      .local_port = connection.socket.local_port(),
                      .offset = connection.received_bytes,
                      .text = std::move(text)});
  CloseSocket(connection);
  slots_.Release(connection, LoadClock::now() + kPauseAfterFailure);
}

void ConnectionDriver::Close(LoadConnection& connection) {
  CloseSocket(connection);
  slots_.Release(connection);
}

void ConnectionDriver::CloseSocket(LoadConnection& connection) {
  connection.socket.Close();
  unanswered_ -= connection.due - connection.completed;
  connection.due = connection.issued = connection.completed;
}

void ConnectionDriver::NoteSlow(const LoadConnection& connection, SlowConnection::What what,
                                Duration took) {
  if (options_.slow_threshold.count() == 0 || took <= options_.slow_threshold) return;
  ++result_.slow_count;
  if (result_.slow.size() >= LoadResult::kSlowDetails) return;
  result_.slow.push_back({.time = std::chrono::system_clock::now(),
                          .what = what,
                          .took = took,
                          .connection = connection.serial,
                          .local_port = connection.socket.local_port()});
}

}  // namespace echogw::ctl::load
