#include "reactor/services/udp_echo.h"

#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <span>

#include "reactor/services/upper_case.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

namespace echogw {
namespace {

// No datagram and nothing that is coalesced is larger: the length field has 16 bits.
constexpr std::size_t kDatagramMax = std::size_t{64} * 1024;
// Buffers that lie a power of two apart would share a few sets of the caches.
constexpr std::size_t kStride = kDatagramMax + std::size_t{3} * 64;

// Echo, discard, systat, daytime, qotd, chargen, time, DNS, TFTP and NTP: services that answer any
// datagram, or an error with an error, loop with an echo for ever (CVE-2024-2169). Nothing is ever
// sent from port 0.
bool IsServicePort(std::uint16_t port) {
  switch (port) {
    case 0:
    case 7:
    case 9:
    case 11:
    case 13:
    case 17:
    case 19:
    case 37:
    case 53:
    case 69:
    case 123:
      return true;
    default:
      return false;
  }
}

// Where a datagram was sent to, and how it is made up.
struct Arrival {
  std::optional<in_pktinfo> v4;
  std::optional<in6_pktinfo> v6;
  int segment_bytes = 0;
};

template <typename T>
T Content(const cmsghdr& control) {
  T out;
  std::memcpy(&out, CMSG_DATA(&control), sizeof(out));
  return out;
}

Arrival ReadControl(msghdr& header) {
  Arrival out;
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
      out.v4 = Content<in_pktinfo>(*c);
    } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
      out.v6 = Content<in6_pktinfo>(*c);
    } else if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
      out.segment_bytes = Content<int>(*c);
    }
  }
  return out;
}

// The kernel's choice of a source address differs from the destination if that is shared by many.
bool IsGroupAddress(const Arrival& arrival) {
  if (arrival.v4) return arrival.v4->ipi_addr.s_addr != arrival.v4->ipi_spec_dst.s_addr;
  return arrival.v6 && IN6_IS_ADDR_MULTICAST(&arrival.v6->ipi6_addr);
}

template <typename T>
std::size_t AddControl(std::span<std::byte> at, int level, int type, const T& content) {
  cmsghdr control{};
  control.cmsg_level = level;
  control.cmsg_type = type;
  control.cmsg_len = CMSG_LEN(sizeof(content));
  std::memcpy(at.data(), &control, sizeof(control));
  std::memcpy(at.data() + CMSG_LEN(0), &content, sizeof(content));
  return CMSG_SPACE(sizeof(content));
}

// From the address, over the way that the routes have.
std::size_t AddSource(std::span<std::byte> at, const Arrival& arrival) {
  if (arrival.v4) {
    in_pktinfo info = *arrival.v4;
    info.ipi_ifindex = 0;
    return AddControl(at, IPPROTO_IP, IP_PKTINFO, info);
  }
  if (!arrival.v6) return 0;
  in6_pktinfo info = *arrival.v6;
  // A link-local address means nothing without its link.
  if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) info.ipi6_ifindex = 0;
  return AddControl(at, IPPROTO_IPV6, IPV6_PKTINFO, info);
}

std::uint16_t PortOf(const sockaddr_in6& peer) {
  static_assert(offsetof(sockaddr_in6, sin6_port) == offsetof(sockaddr_in, sin_port));
  return ntohs(peer.sin6_port);
}

bool IsShortage(int error) { return error == EAGAIN || error == ENOBUFS || error == ENOMEM; }

// Of a datagram that was sent before; the one that meets it is as good as ever.
bool IsBelated(int error) {
  return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH;
}

}  // namespace

UdpEcho::UdpEcho(const UdpEchoOptions& options, DatagramIo& io, UdpCounters& counters)
    : options_(options),
      io_(io),
      counters_(counters),
      batch_(options.batch_max),
      buffers_(new std::byte[options.batch_max * kStride]),
      messages_(std::make_unique<Message[]>(options.batch_max)),
      received_(options.batch_max),
      answers_(options.batch_max),
      answered_(options.batch_max) {}

std::byte* UdpEcho::Buffer(std::size_t index) const { return buffers_.get() + index * kStride; }

void UdpEcho::Turn(int fd, bool answer, std::span<const std::uint16_t> own_ports) {
  Prepare(batch_);
  const int n = io_.Receive(fd, std::span(received_).first(batch_));
  if (n < 0) {
    if (n != -EAGAIN) counters_.receive_errors.Add(1);
    return;
  }
  counters_.receives.Add(1);
  answers_made_ = 0;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
    bytes += received_[i].msg_len;
    Classify(i, answer, own_ports);
  }
  SendAnswers(fd);
  if (bytes > options_.turn_bytes) {
    batch_ = std::max<std::size_t>(batch_ / 2, 1);
  } else {
    batch_ = std::min<std::size_t>(batch_ * 2, options_.batch_max);
  }
}

void UdpEcho::Prepare(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    Message& m = messages_[i];
    m.data = {.iov_base = Buffer(i), .iov_len = kDatagramMax};
    msghdr& header = received_[i].msg_hdr;
    header.msg_name = &m.peer;
    header.msg_namelen = sizeof(m.peer);
    header.msg_iov = &m.data;
    header.msg_iovlen = 1;
    header.msg_control = m.control.data();
    header.msg_controllen = m.control.size();
    header.msg_flags = 0;
  }
}

void UdpEcho::Classify(std::size_t index, bool answer, std::span<const std::uint16_t> own_ports) {
  Message& m = messages_[index];
  msghdr& header = received_[index].msg_hdr;
  const std::size_t bytes = received_[index].msg_len;
  const Arrival arrival = ReadControl(header);
  const auto segment = static_cast<std::size_t>(std::max(arrival.segment_bytes, 0));
  const bool coalesced = segment > 0 && segment < bytes;
  m.segment_bytes = coalesced ? static_cast<std::uint16_t>(segment) : 0;
  m.datagrams = coalesced ? (bytes + segment - 1) / segment : 1;
  counters_.received_datagrams.Add(m.datagrams);
  counters_.received_bytes.Add(bytes);
  const auto drop = [&](UdpDrop reason) { counters_.Drop(reason, m.datagrams); };
  if (!answer) return drop(UdpDrop::kDraining);
  if ((header.msg_flags & MSG_TRUNC) != 0) return drop(UdpDrop::kTruncated);
  const std::uint16_t port = PortOf(m.peer);
  if (IsServicePort(port)) return drop(UdpDrop::kServicePort);
  if (std::find(own_ports.begin(), own_ports.end(), port) != own_ports.end()) {
    return drop(UdpDrop::kOwnPort);
  }
  if (IsGroupAddress(arrival)) return drop(UdpDrop::kGroupAddress);

  m.data.iov_len = bytes;
  if (options_.transform == Transform::kUpper) {
    UpperCase(std::span(static_cast<std::byte*>(m.data.iov_base), bytes));
  }
  const std::span<std::byte> control(m.control);
  m.source_control_bytes = AddSource(control, arrival);
  std::size_t control_bytes = m.source_control_bytes;
  if (coalesced) {
    control_bytes +=
        AddControl(control.subspan(control_bytes), IPPROTO_UDP, UDP_SEGMENT, m.segment_bytes);
  }
  // The answer goes where the datagram came from, with its bytes: only the control differs.
  header.msg_controllen = control_bytes;
  header.msg_flags = 0;
  answers_[answers_made_].msg_hdr = header;
  answered_[answers_made_++] = index;
}

void UdpEcho::SendAnswers(int fd) {
  bool again = false;
  for (std::size_t next = 0; next < answers_made_;) {
    const int n = io_.Send(fd, std::span(answers_).subspan(next, answers_made_ - next));
    counters_.sends.Add(1);
    if (n > 0) [[likely]] {
      for (int i = 0; i < n; ++i, ++next) {
        const Message& m = messages_[answered_[next]];
        counters_.sent_datagrams.Add(m.datagrams);
        counters_.sent_bytes.Add(m.data.iov_len);
      }
      again = false;
      continue;
    }
    if (IsShortage(-n)) {
      for (; next < answers_made_; ++next) {
        counters_.Drop(UdpDrop::kWouldBlock, messages_[answered_[next]].datagrams);
      }
      return;
    }
    again = IsBelated(-n) && !again;
    if (again) continue;
    const Message& m = messages_[answered_[next]];
    if (m.segment_bytes > 0) {
      SendOneByOne(fd, next);
    } else {
      counters_.Drop(UdpDrop::kSendError, m.datagrams);
    }
    ++next;
  }
}

// For a way back that cannot take them in one: a smaller MTU, a device without checksums.
void UdpEcho::SendOneByOne(int fd, std::size_t answer) {
  const Message& m = messages_[answered_[answer]];
  const std::span<std::byte> all(static_cast<std::byte*>(m.data.iov_base), m.data.iov_len);
  mmsghdr one = answers_[answer];
  one.msg_hdr.msg_controllen = m.source_control_bytes;
  iovec part{};
  one.msg_hdr.msg_iov = &part;
  for (std::size_t at = 0; at < all.size(); at += m.segment_bytes) {
    const std::size_t bytes = std::min<std::size_t>(m.segment_bytes, all.size() - at);
    part = {.iov_base = &all[at], .iov_len = bytes};
    const int n = io_.Send(fd, std::span(&one, 1));
    counters_.sends.Add(1);
    if (n > 0) {
      counters_.sent_datagrams.Add(1);
      counters_.sent_bytes.Add(bytes);
    } else {
      counters_.Drop(IsShortage(-n) ? UdpDrop::kWouldBlock : UdpDrop::kSendError, 1);
    }
  }
}

}  // namespace echogw
