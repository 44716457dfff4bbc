// A non-blocking TCP client for tests. Calls that wait fail the test after a deadline that only a
// hung test reaches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "reactor/base/unique_fd.h"

namespace echogw {

// `size` bytes that differ between salts and from their neighbours.
[[nodiscard]] std::string Pattern(std::size_t size, std::uint32_t salt = 0);

struct TestClientOptions {
  std::string host = "127.0.0.1";
  int receive_buffer_bytes = 0;  // 0: the kernel's default
  int send_buffer_bytes = 0;
  // 0: the kernel's default. On loopback it exceeds a small window, and the sender then waits for
  // its probe timer, 200 ms per window, so use a small segment with small buffers.
  int segment_bytes = 0;
};

// One thread.
class TestClient {
 public:
  enum class End : std::uint8_t { kOpen, kFin, kReset };

  // Connects. The kernel completes the handshake even if nothing accepts.
  explicit TestClient(std::uint16_t port, const TestClientOptions& options = {});

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] std::uint16_t local_port() const;

  // Sends what the kernel accepts and returns its size.
  [[nodiscard]] std::size_t SendSome(std::string_view bytes);
  void Send(std::string_view bytes);
  void SendUrgent(char byte);

  // Reads at most `most` available bytes.
  void Pump(std::size_t most = SIZE_MAX);
  // Waits for `size` bytes in total, or the end. Returns and clears the received data.
  std::string Receive(std::size_t size);
  // Waits for the end; returns the data received until then.
  std::string ReceiveToEnd();

  [[nodiscard]] const std::string& received() const { return received_; }
  [[nodiscard]] End end() const { return end_; }

  // Sends FIN; reading continues.
  void HalfClose();
  // Closes with RST.
  void Reset();
  void Close() { fd_.Reset(); }

 private:
  void WaitFor(short events) const;

  UniqueFd fd_;
  std::string received_;
  End end_ = End::kOpen;
};

}  // namespace echogw
