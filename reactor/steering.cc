#include "reactor/steering.h"

#include <linux/filter.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <numeric>
#include <vector>

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

}  // namespace

absl::Status AttachSteering(int listener, std::span<const std::uint32_t> weights) {
  const std::uint64_t sum = std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
  if (sum == 0) return absl::InvalidArgumentError("steering needs a weight above 0");

  // Only ancillary loads: when a listener is chosen for a SYN the data pointer is past the TCP
  // header, and a load from the packet ends the program with 0.
  std::vector<sock_filter> code;
  code.push_back(Instruction(BPF_LD | BPF_W | BPF_ABS,
                             static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_RANDOM)));
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
  return Attach(listener, SO_ATTACH_REUSEPORT_CBPF, code, "SO_ATTACH_REUSEPORT_CBPF");
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
