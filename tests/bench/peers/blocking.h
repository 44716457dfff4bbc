// Echo on one blocking socket, for the peers that give a client a thread for itself.
#pragma once

#include <unistd.h>

#include "tests/bench/peers/serving.h"

namespace echogw_bench {

// Returns when the client has closed or is gone; `fd` is closed then. send() on a blocking socket
// returns less than all only when the connection is gone.
inline void ServeToTheEnd(int fd, char* buffer, std::size_t size) {
  for (;;) {
    const ssize_t got = recv(fd, buffer, size, 0);
    if (got <= 0) break;
    if (send(fd, buffer, static_cast<std::size_t>(got), MSG_NOSIGNAL) != got) break;
  }
  close(fd);
}

}  // namespace echogw_bench
