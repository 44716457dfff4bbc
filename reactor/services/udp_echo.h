// Echo of datagrams (RFC 862): one system call reads a batch, another answers it. Independent of
// the loop and the poller, so that tests drive it with scripted calls. Reactor's thread. A turn
// allocates nothing.
//
// Every datagram is answered whole, in order, from the address it was sent to; or it is dropped and
// counted. Nothing is queued: what the kernel has no room for is lost, as it would be in the
// network.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "reactor/net/udp_socket.h"
#include "reactor/options.h"
#include "reactor/stats/udp_counters.h"

namespace echogw {

struct UdpEchoOptions {
  // Reads of one turn: each is a datagram, or several of one sender that the kernel coalesced.
  std::uint32_t batch_max = 32;
  // What one turn should move at most before connections get their turn. A batch cannot be stopped:
  // after one that moved more, the next is half as large.
  std::size_t turn_bytes = std::size_t{256} * 1024;
  Transform transform = Transform::kNone;
};

class UdpEcho {
 public:
  UdpEcho(const UdpEchoOptions& options, DatagramIo& io, UdpCounters& counters);
  UdpEcho(const UdpEcho&) = delete;
  UdpEcho& operator=(const UdpEcho&) = delete;

  // One batch, with the descriptor readable or not. `answer` false drops all as kDraining. What
  // comes from one of `own_ports` gets no reply: it may be an echo, here or in another gateway, and
  // two echoes answer each other for ever.
  void Turn(int fd, bool answer, std::span<const std::uint16_t> own_ports = {});

 private:
  // For the destination address (twice: IPv4 over a dual-stack socket) and the size of coalesced
  // datagrams.
  static constexpr std::size_t kControlBytes =
      CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(in_pktinfo)) + CMSG_SPACE(sizeof(int));

  struct Message {
    sockaddr_in6 peer{};  // has room for IPv4 as well
    iovec data{};
    alignas(cmsghdr) std::array<std::byte, kControlBytes> control{};
    std::uint16_t segment_bytes = 0;  // of all datagrams but the last; 0: it is one
    std::uint64_t datagrams = 0;
    std::size_t source_control_bytes = 0;  // of the answer's control: all but the segment size
  };

  [[nodiscard]] std::byte* Buffer(std::size_t index) const;
  void Prepare(std::size_t count);
  // Adds an answer to the message with this index, or counts why there is none.
  void Classify(std::size_t index, bool answer, std::span<const std::uint16_t> own_ports);
  void SendAnswers(int fd);
  void SendOneByOne(int fd, std::size_t answer);

  const UdpEchoOptions options_;
  DatagramIo& io_;
  UdpCounters& counters_;
  std::size_t batch_;
  // Not initialised: a page that no datagram reached takes no memory.
  std::unique_ptr<std::byte[]> buffers_;
  std::unique_ptr<Message[]> messages_;
  std::vector<mmsghdr> received_;
  std::vector<mmsghdr> answers_;
  std::vector<std::size_t> answered_;  // of each answer: the index of its message
  std::size_t answers_made_ = 0;
};

}  // namespace echogw
