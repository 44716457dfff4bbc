#include "reactor/connection_record.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace echogw {
namespace {

using NameCall = int (*)(int, sockaddr*, socklen_t*);

Endpoint Read(int fd, NameCall call) {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  Endpoint out;
  if (call(fd, static_cast<sockaddr*>(static_cast<void*>(&storage)), &length) != 0) return out;
  if (storage.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &storage, sizeof(v4));
    out.family = AF_INET;
    out.port = ntohs(v4.sin_port);
    std::memcpy(out.address.data(), &v4.sin_addr, 4);
  } else if (storage.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &storage, sizeof(v6));
    out.port = ntohs(v6.sin6_port);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      out.family = AF_INET;
      std::memcpy(out.address.data(), &v6.sin6_addr.s6_addr[12], 4);
    } else {
      out.family = AF_INET6;
      std::memcpy(out.address.data(), &v6.sin6_addr, 16);
    }
  }
  return out;
}

}  // namespace

std::string Endpoint::ToString() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (family == 0 || ::inet_ntop(family, address.data(), text.data(), text.size()) == nullptr) {
    return "?";
  }
  if (family == AF_INET) return absl::StrCat(text.data(), ":", port);
  return absl::StrCat("[", text.data(), "]:", port);
}

Endpoint PeerOf(int fd) { return Read(fd, ::getpeername); }

Endpoint LocalOf(int fd) { return Read(fd, ::getsockname); }

void SliceBox::Expect(std::uint64_t id) {
  const std::scoped_lock lock(mutex_);
  expected_.emplace(id, std::nullopt);
}

std::optional<ConnectionSlice> SliceBox::WaitFor(std::uint64_t id,
                                                 std::chrono::nanoseconds timeout) {
  std::unique_lock lock(mutex_);
  arrived_.wait_for(lock, timeout, [&] { return expected_.at(id).has_value(); });
  std::optional<ConnectionSlice> slice = std::move(expected_.at(id));
  expected_.erase(id);
  return slice;
}

void SliceBox::Push(ConnectionSlice slice) {
  {
    const std::scoped_lock lock(mutex_);
    const auto found = expected_.find(slice.id);
    if (found == expected_.end()) return;
    found->second = std::move(slice);
  }
  arrived_.notify_all();
}

void EventRing::SetWatched(bool watched) {
  watched_.store(watched, std::memory_order_relaxed);
  if (watched) return;
  const std::scoped_lock lock(mutex_);
  events_.clear();
  events_.shrink_to_fit();
  dropped_ = 0;
}

void EventRing::Push(ConnectionEvent event) {
  const std::scoped_lock lock(mutex_);
  if (!watched()) return;  // the watch ended meanwhile; the next one shall not see it
  if (events_.size() >= kEventsMax) {
    ++dropped_;
    return;
  }
  events_.push_back(std::move(event));
}

std::uint64_t EventRing::Take(std::vector<ConnectionEvent>& into) {
  const std::scoped_lock lock(mutex_);
  into.insert(into.end(), events_.begin(), events_.end());
  events_.clear();
  return std::exchange(dropped_, 0);
}

}  // namespace echogw
