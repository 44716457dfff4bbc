#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "server/pool/connection_control.h"

namespace echogw::server {
namespace {

bool BitAt(const std::array<std::uint8_t, 16>& address, unsigned bit) {
  return ((address[bit / 8] >> (7U - bit % 8U)) & 1U) != 0;
}

absl::Status NotAPrefix(const std::string& text, const char* why) {
  return absl::InvalidArgumentError(
      absl::StrCat("'", text, "' is not an address or prefix like 10.0.0.0/8 or ::1: ", why));
}

}  // namespace

absl::StatusOr<Cidr> Cidr::Parse(const std::string& text) {
  const std::size_t slash = text.find('/');
  const std::string host = text.substr(0, slash);
  Cidr cidr;
  if (::inet_pton(AF_INET, host.c_str(), cidr.base_.address.data()) == 1) {
    cidr.base_.family = AF_INET;
    cidr.bits_ = 32;
  } else if (::inet_pton(AF_INET6, host.c_str(), cidr.base_.address.data()) == 1) {
    cidr.base_.family = AF_INET6;
    cidr.bits_ = 128;
  } else {
    return NotAPrefix(text, "no numeric address");
  }
  if (slash == std::string::npos) return cidr;
  const unsigned most = cidr.bits_;
  const char* begin = text.data() + slash + 1;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(begin, end, cidr.bits_);
  if (error != std::errc() || rest != end || cidr.bits_ > most) {
    return NotAPrefix(text,
                      most == 32 ? "the length must be 0 to 32" : "the length must be 0 to 128");
  }
  for (unsigned bit = cidr.bits_; bit < most; ++bit) {
    if (BitAt(cidr.base_.address, bit)) return NotAPrefix(text, "bits are set below the prefix");
  }
  return cidr;
}

bool Cidr::Contains(const Endpoint& endpoint) const {
  if (endpoint.family != base_.family) return false;
  for (unsigned bit = 0; bit < bits_; ++bit) {
    if (BitAt(endpoint.address, bit) != BitAt(base_.address, bit)) return false;
  }
  return true;
}

ConnectionState StateOf(const ConnectionRecord& record) {
  if (record.closing) return ConnectionState::kClosing;
  return record.pending_bytes > 0 ? ConnectionState::kBlocked : ConnectionState::kOpen;
}

bool ConnectionFilter::empty() const {
  return reactors.empty() && !peer && local_port == 0 && age_min.count() == 0 &&
         idle_min.count() == 0 && bytes_min == 0 && !state;
}

bool ConnectionFilter::Includes(std::uint32_t reactor) const {
  return reactors.empty() || std::find(reactors.begin(), reactors.end(), reactor) != reactors.end();
}

bool ConnectionFilter::Matches(const ConnectionRecord& record) const {
  if (!Includes(record.ref.slot)) return false;
  if (local_port != 0 && record.local.port != local_port) return false;
  if (record.age < age_min.count() || record.idle < idle_min.count()) return false;
  if (record.received_bytes + record.sent_bytes < bytes_min) return false;
  if (peer && !peer->Contains(record.peer)) return false;
  return !state || *state == StateOf(record);
}

}  // namespace echogw::server
