// A client that sends a known byte stream and checks that exactly this is echoed. Non-blocking. It
// reports errors instead of failing the test, so that a test can expect loss. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "reactor/base/unique_fd.h"

namespace echogw::server {

// `size` bytes of the stream `salt` from `offset` on; at most kStreamChunk.
inline constexpr std::size_t kStreamChunk = 65521;
[[nodiscard]] std::string_view StreamBytes(std::uint64_t salt, std::uint64_t offset,
                                           std::size_t size);

struct StreamClientOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  std::uint64_t salt = 0;
  int receive_buffer_bytes = 0;  // 0: the kernel's default
};

class StreamClient {
 public:
  enum class End : std::uint8_t { kOpen, kFin, kReset };

  // Connects, and waits for it.
  explicit StreamClient(const StreamClientOptions& options);

  // Adds bytes to send.
  void Offer(std::size_t bytes) { offered_ += bytes; }
  // Sends FIN after all offered bytes; no Offer after it.
  void HalfClose() { half_close_ = true; }
  // Sends what the kernel accepts, and reads and checks at most `read_most` bytes. True if any data
  // was transferred.
  bool Pump(std::size_t read_most = SIZE_MAX);
  // Pumps until all is echoed (after HalfClose, also FIN), the connection ended, or 20 s have
  // passed.
  bool PumpUntilDone();
  // Closes with RST, or with FIN.
  void Reset();
  void Close() { fd_.Reset(); }

  [[nodiscard]] bool open() const { return fd_.valid() && end_ == End::kOpen && error_.empty(); }
  [[nodiscard]] bool caught_up() const { return received_ == offered_; }
  // All is echoed, also FIN after a half-close, without an error.
  [[nodiscard]] bool done() const;
  [[nodiscard]] End end() const { return end_; }
  // The first error: "connect: ...", "wrong byte ...", "early end ...".
  [[nodiscard]] const std::string& error() const { return error_; }
  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  [[nodiscard]] std::uint64_t received() const { return received_; }
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] std::int64_t connect_nanos() const { return connect_nanos_; }

 private:
  bool Send();
  bool Receive(std::size_t most);
  void Check(std::string_view bytes);
  void Fail(const std::string& what);
  void WaitAWhile() const;

  std::uint64_t salt_;
  UniqueFd fd_;
  std::uint64_t offered_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  std::int64_t connect_nanos_ = 0;
  bool half_close_ = false;
  bool fin_sent_ = false;
  End end_ = End::kOpen;
  std::string error_;
};

}  // namespace echogw::server
