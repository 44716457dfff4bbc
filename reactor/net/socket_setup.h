// Shared by the files that open sockets; for their use only.
#pragma once

#include <sys/socket.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reactor/net/socket.h"

namespace echogw {

// An address as the kernel takes it.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  [[nodiscard]] const sockaddr* get() const {
    return static_cast<const sockaddr*>(static_cast<const void*>(&storage));
  }
  [[nodiscard]] sockaddr* get() { return static_cast<sockaddr*>(static_cast<void*>(&storage)); }
  [[nodiscard]] int family() const { return storage.ss_family; }
};

// InvalidArgument if the host is not numeric.
[[nodiscard]] absl::StatusOr<SocketAddress> ParseAddress(const ListenAddress& address);

[[nodiscard]] absl::Status SetOption(int fd, int level, int name, int value, const char* what);

// 0 leaves a buffer to the kernel.
[[nodiscard]] absl::Status SetBuffers(int fd, int receive_bytes, int send_bytes);

// The options that accepted connections inherit from their listener. Errors name the option.
[[nodiscard]] absl::Status SetInheritedOptions(int fd, const ListenOptions& options);

}  // namespace echogw
