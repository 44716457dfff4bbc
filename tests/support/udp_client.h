// A client of UDP sockets on loopback. It is connected, so that it hears nobody but the address it
// sends to: an answer from another one never arrives.
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
  // Bound before it connects; 0: the kernel chooses.
  std::uint16_t source_port = 0;
  // Sends datagrams of this size as one (UDP_SEGMENT), and receives so (UDP_GRO); 0: does not.
  std::uint16_t segment_bytes = 0;
};

class UdpClient {
 public:
  explicit UdpClient(std::uint16_t port, const UdpClientOptions& options = {});

  // False if the kernel did not take it.
  [[nodiscard]] bool Send(std::string_view datagram) const;
  // The next datagram, or what was coalesced; unset if none comes.
  [[nodiscard]] std::optional<std::string> Receive(
      std::chrono::milliseconds wait_max = kTestDeadline) const;
  // Sends it and waits for the answer.
  [[nodiscard]] std::optional<std::string> Echo(std::string_view datagram) const;

  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

}  // namespace echogw
