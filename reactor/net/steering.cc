#include "reactor/net/steering.h"

#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <numeric>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "reactor/net/socket_setup.h"
#include "reactor/options.h"

#ifndef SO_DETACH_REUSEPORT_BPF
#define SO_DETACH_REUSEPORT_BPF 68
#endif

namespace echogw {
namespace {

sock_filter Instruction(unsigned code, std::uint32_t k, std::uint8_t if_true = 0,
                        std::uint8_t if_false = 0) {
  return {static_cast<std::uint16_t>(code), if_true, if_false, k};
}

absl::Status Attach(int fd, int option, std::span<sock_filter> code, const char* what) {
  sock_fprog program{};
  program.len = static_cast<unsigned short>(code.size());
  program.filter = code.data();
  if (::setsockopt(fd, SOL_SOCKET, option, &program, sizeof(program)) == 0) {
    return absl::OkStatus();
  }
  return absl::ErrnoToStatus(errno, what);
}

// `code` leaves a number in A; the slots share its range by their weights.
absl::Status AttachChoice(int fd, std::vector<sock_filter> code,
                          std::span<const std::uint32_t> weights) {
  const std::uint64_t sum = std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
  if (sum == 0) return absl::InvalidArgumentError("steering needs a weight above 0");
  code.push_back(Instruction(BPF_ALU | BPF_MOD | BPF_K, static_cast<std::uint32_t>(sum)));
  std::uint32_t threshold = 0;
  for (std::uint32_t slot = 0; slot < weights.size(); ++slot) {
    if (weights[slot] == 0) continue;
    threshold += weights[slot];
    if (threshold < sum) {
      code.push_back(Instruction(BPF_JMP | BPF_JGE | BPF_K, threshold, 1, 0));
    }
    code.push_back(Instruction(BPF_RET | BPF_K, slot));
  }
  return Attach(fd, SO_ATTACH_REUSEPORT_CBPF, code, "SO_ATTACH_REUSEPORT_CBPF");
}

// A hash of the sender's address (of IPv6: its last 32 bits) and both ports. The hash that the
// kernel may have (SKF_AD_RXHASH) will not do: it is 0 for a sender that has not connected and for
// devices that have none. Offsets are from the network header; one that IPv4 options or IPv6
// extensions push aside still makes a hash that is the same for a flow.
std::vector<sock_filter> FlowHash() {
  const auto load = [](unsigned size, std::uint32_t offset) {
    return Instruction(BPF_LD | size | BPF_ABS, static_cast<std::uint32_t>(SKF_NET_OFF) + offset);
  };
  constexpr std::uint32_t kGoldenRatio = 0x9E3779B1;  // spreads what differs in a few bits only
  return {
      load(BPF_B, 0),
      Instruction(BPF_ALU | BPF_RSH | BPF_K, 4),
      Instruction(BPF_JMP | BPF_JEQ | BPF_K, 6, 0, 4),
      load(BPF_W, 20),  // IPv6: the end of the source address, then the ports
      Instruction(BPF_ST, 0),
      load(BPF_W, 40),
      Instruction(BPF_JMP | BPF_JA, 3),
      load(BPF_W, 12),  // IPv4: the source address, then the ports
      Instruction(BPF_ST, 0),
      load(BPF_W, 20),
      Instruction(BPF_LDX | BPF_MEM, 0),
      Instruction(BPF_ALU | BPF_XOR | BPF_X, 0),
      Instruction(BPF_ALU | BPF_MUL | BPF_K, kGoldenRatio),
      Instruction(BPF_ST, 0),
      Instruction(BPF_ALU | BPF_RSH | BPF_K, 16),
      Instruction(BPF_LDX | BPF_MEM, 0),
      Instruction(BPF_ALU | BPF_XOR | BPF_X, 0),
  };
}

}  // namespace

absl::Status AttachSteering(int listener, std::span<const std::uint32_t> weights) {
  // Only ancillary loads: when a listener is chosen for a SYN the data pointer is past the TCP
  // header, and a load from the packet ends the program with 0.
  return AttachChoice(listener,
                      {Instruction(BPF_LD | BPF_W | BPF_ABS,
                                   static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_RANDOM))},
                      weights);
}

absl::Status AttachFlowSteering(int socket, std::span<const std::uint32_t> weights) {
  return AttachChoice(socket, FlowHash(), weights);
}

std::size_t GroupSizeOf(int socket) {
  SocketAddress at;
  at.length = sizeof(at.storage);
  int type = 0;
  socklen_t size = sizeof(type);
  if (::getsockname(socket, at.get(), &at.length) != 0 ||
      ::getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
    return 0;
  }
  // As the kernel prints it: words in host order, then the port.
  std::array<std::uint32_t, 4> words{};
  std::string local;
  std::uint16_t port = 0;
  if (at.family() == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &at.storage, sizeof(v4));
    port = ntohs(v4.sin_port);
    words[0] = v4.sin_addr.s_addr;
  } else {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &at.storage, sizeof(v6));
    port = ntohs(v6.sin6_port);
    std::memcpy(words.data(), &v6.sin6_addr, sizeof(words));
  }
  for (std::size_t i = 0; i < (at.family() == AF_INET ? 1U : words.size()); ++i) {
    absl::StrAppendFormat(&local, "%08X", words[i]);
  }
  absl::StrAppendFormat(&local, ":%04X", port);
  const bool tcp = type == SOCK_STREAM;
  std::ifstream file(absl::StrCat("/proc/net/", tcp ? "tcp" : "udp",  //
                                  at.family() == AF_INET ? "" : "6"));
  const std::string_view state = tcp ? "0A" : "07";  // TCP_LISTEN, TCP_CLOSE
  std::size_t members = 0;
  std::string line;
  std::getline(file, line);  // the heading
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::string number;
    std::string address;
    std::string peer;
    std::string its_state;
    fields >> number >> address >> peer >> its_state;
    // Listeners come first, before all connections.
    if (tcp && its_state != state) break;
    if (its_state == state && address == local) ++members;
  }
  return members;
}

absl::Status DetachSteering(int listener) {
  const int unused = 0;
  if (::setsockopt(listener, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &unused, sizeof(unused)) == 0 ||
      errno == ENOENT) {
    return absl::OkStatus();
  }
  return absl::ErrnoToStatus(errno, "SO_DETACH_REUSEPORT_BPF");
}

absl::Status AttachSynDrop(int listener) {
  constexpr std::uint32_t kFlagsOffset = 13;  // of the TCP header, where the data pointer is
  constexpr std::uint32_t kSyn = 0x02;
  constexpr std::uint32_t kSynAck = 0x12;
  std::array<sock_filter, 5> code = {
      Instruction(BPF_LD | BPF_B | BPF_ABS, kFlagsOffset),
      Instruction(BPF_ALU | BPF_AND | BPF_K, kSynAck),
      Instruction(BPF_JMP | BPF_JEQ | BPF_K, kSyn, 0, 1),
      Instruction(BPF_RET | BPF_K, 0),
      Instruction(BPF_RET | BPF_K, UINT32_MAX),
  };
  return Attach(listener, SO_ATTACH_FILTER, code, "SO_ATTACH_FILTER");
}

void DetachFilter(int fd) {
  const int unused = 0;
  ::setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof(unused));
}

}  // namespace echogw
