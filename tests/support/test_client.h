// A TCP client for tests. Its socket never blocks; the calls that wait do so up to a deadline that
// only a hung test reaches, and fail the test then.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "reactor/base/unique_fd.h"

namespace echogw {

// `size` bytes that differ from those of other salts and, at any offset, from their neighbours.
[[nodiscard]] std::string Pattern(std::size_t size, std::uint32_t salt = 0);

struct TestClientOptions {
  std::string host = "127.0.0.1";
  int receive_buffer_bytes = 0;  // 0: the kernel's choice
  int send_buffer_bytes = 0;
  // 0: the kernel's choice, which on loopback is larger than a small window: the sender then waits
  // for its probe timer, 200 ms a window. So with small buffers give a small segment.
  int segment_bytes = 0;
};

// One thread.
class TestClient {
 public:
  enum class End : std::uint8_t { kOpen, kFin, kReset };

  // Connects. The kernel completes the handshake whether or not anybody accepts.
  explicit TestClient(std::uint16_t port, const TestClientOptions& options = {});

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] std::uint16_t local_port() const;

  // Sends what the kernel takes at once, and returns how much that is.
  [[nodiscard]] std::size_t SendSome(std::string_view bytes);
  void Send(std::string_view bytes);
  void SendUrgent(char byte);

  // Takes in at most `most` bytes of what is there.
  void Pump(std::size_t most = SIZE_MAX);
  // Waits until `size` bytes in all have come, or the end; returns what has come, and forgets it.
  std::string Receive(std::size_t size);
  // Waits for the end; returns what came until then.
  std::string ReceiveToEnd();

  [[nodiscard]] const std::string& received() const { return received_; }
  [[nodiscard]] End end() const { return end_; }

  // Sends FIN; reading goes on.
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
