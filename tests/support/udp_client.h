// A client of UDP sockets on loopback. It is connected, so it receives replies only from the
// address it sends to.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "reactor/base/unique_fd.h"
#include "tests/support/wait_until.h"

namespace echogw {

struct UdpClientOptions {
  std::string host = "127.0.0.1";
  // Bound before it connects; 0: selected by the kernel.
  std::uint16_t source_port = 0;
  // Sends and receives coalesced datagrams of this size (UDP_SEGMENT, UDP_GRO); 0: off.
  std::uint16_t segment_bytes = 0;
};

class UdpClient {
 public:
  explicit UdpClient(std::uint16_t port, const UdpClientOptions& options = {});

  // False if the kernel did not accept it.
  [[nodiscard]] bool Send(std::string_view datagram) const;
  // The next datagram, or several coalesced ones; unset after the timeout.
  [[nodiscard]] std::optional<std::string> Receive(
      std::chrono::milliseconds wait_max = kTestDeadline) const;
  // Sends it and waits for the reply.
  [[nodiscard]] std::optional<std::string> Echo(std::string_view datagram) const;

  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

}  // namespace echogw
