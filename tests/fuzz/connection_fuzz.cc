// Goal: whatever the kernel answers to a connection, what was written is what was read, in order,
// and what is held is the difference. Method: bytes of the fuzzer are a list of what the kernel
// answers next and of turns; a plain string says what must have come back.
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "reactor/base/check.h"
#include "reactor/services/echo.h"
#include "tests/support/scripted_socket_io.h"

namespace echogw {
namespace {

constexpr int kFd = 77;
constexpr std::size_t kReadBytes = 16;
constexpr std::size_t kTurnBytes = 48;

class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : data_(data), left_(size) {}
  [[nodiscard]] bool empty() const { return left_ == 0; }
  std::uint8_t Take() {
    if (left_ == 0) return 0;
    --left_;
    return *data_++;
  }

 private:
  const std::uint8_t* data_;
  std::size_t left_;
};

int ErrorOf(std::uint8_t choice) {
  constexpr int kErrors[] = {ECONNRESET, EPIPE, ETIMEDOUT, EHOSTUNREACH, EIO, ENOMEM};
  return kErrors[choice % std::size(kErrors)];
}

class Harness {
 public:
  explicit Harness(Transform transform)
      : transform_(transform), context_{io_, pool_, counters_, scratch_, kTurnBytes, transform} {
    c_.fd = kFd;
  }
  ~Harness() { DropPending(c_, context_); }
  Harness(const Harness&) = delete;
  Harness& operator=(const Harness&) = delete;

  // False once the connection is over.
  bool Step(Bytes& bytes) {
    const std::uint8_t operation = bytes.Take();
    const std::uint8_t value = bytes.Take();
    switch (operation % 8) {
      case 0:
        Give(value);
        return true;
      case 1:
        io_.ReadWouldBlock(kFd);
        return true;
      case 2:
        io_.ReadEnds(kFd);
        return true;
      case 3:
        io_.ReadFails(kFd, ErrorOf(value));
        return true;
      case 4:
        io_.WriteTakes(kFd, std::size_t{value} % 20 + 1);
        return true;
      case 5:
        io_.WriteWouldBlock(kFd);
        return true;
      case 6:
        io_.WriteFails(kFd, ErrorOf(value));
        return true;
      default:
        return Turn(value % 2 == 1);
    }
  }

 private:
  void Give(std::uint8_t size) {
    std::string message;
    for (std::size_t i = 0; i < size; ++i) message.push_back(static_cast<char>(next_++ * 7 % 256));
    if (message.empty()) return;
    io_.ReadGives(kFd, message);
    for (char& c : message) {
      if (transform_ == Transform::kUpper && c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    }
    expected_ += message;
  }

  bool Turn(bool to_the_end) {
    const EchoResult result = EchoTurn(c_, to_the_end, context_);
    const std::string written = io_.written(kFd);
    CHECK(expected_.compare(0, written.size(), written) == 0);
    CHECK(c_.sent_bytes == written.size());
    const CounterSnapshot counted = counters_.Read();
    CHECK(counted.sent_bytes == c_.sent_bytes);
    CHECK(counted.received_bytes == c_.received_bytes);
    CHECK(counted.pending_bytes == c_.pending_bytes());
    CHECK(c_.pending_bytes() <= kReadBytes);
    if (result.outcome == EchoOutcome::kClose) {
      // A client that closed has everything it had sent, or had failed to take it before.
      if (result.reason == CloseReason::kPeerClosed) CHECK(c_.received_bytes == c_.sent_bytes);
      return false;
    }
    CHECK(c_.received_bytes == c_.sent_bytes + c_.pending_bytes());
    CHECK((result.outcome == EchoOutcome::kBlocked) == c_.has_pending());
    return true;
  }

  const Transform transform_;
  ScriptedSocketIo io_;
  BufferPool pool_;
  Counters counters_;
  std::vector<std::byte> scratch_ = std::vector<std::byte>(kReadBytes);
  EchoContext context_;
  Connection c_;
  std::string expected_;
  unsigned next_ = 0;
};

}  // namespace
}  // namespace echogw

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  echogw::Bytes bytes(data, size);
  echogw::Harness harness(bytes.Take() % 2 == 0 ? echogw::Transform::kNone
                                                : echogw::Transform::kUpper);
  while (!bytes.empty() && harness.Step(bytes)) {
  }
  return 0;
}
