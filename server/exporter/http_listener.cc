#include "server/exporter/http_listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <utility>

#include "reactor/net/socket_setup.h"

namespace echogw::server {
namespace {

// What a client has not read is bounded by the connections, not left in the kernel's buffers, which
// grow to megabytes.
constexpr int kSendBuffer = 64 * 1024;

}  // namespace

absl::StatusOr<UniqueFd> OpenListener(ListenAddress& address,
                                      std::chrono::milliseconds request_limit) {
  if (auto free = CheckPortIsFree(address); !free.ok()) return free;
  const ListenOptions options{.reuse_port = false, .send_buffer_bytes = kSendBuffer};
  auto listener = BindListener(address, options);
  if (!listener.ok()) return listener.status();
  // Connections inherit it. It ends those that the kernel still has after a graceful close.
  if (auto s = SetOption(listener->get(), IPPROTO_TCP, TCP_USER_TIMEOUT,
                         static_cast<int>(request_limit.count()), "TCP_USER_TIMEOUT");
      !s.ok()) {
    return s;
  }
  if (auto s = Listen(listener->get(), options, address); !s.ok()) return s;
  return AdoptListener(*std::move(listener), address);
}

absl::StatusOr<UniqueFd> AdoptListener(UniqueFd listener, ListenAddress& address) {
  auto local = LocalAddress(listener.get(), address.dual_stack);
  if (!local.ok()) return local.status();
  address = *std::move(local);
  return listener;
}

}  // namespace echogw::server
