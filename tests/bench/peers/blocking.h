// Echo on one blocking socket, for the peers with a thread per client.
#pragma once

#include <unistd.h>

#include "tests/bench/peers/serving.h"

namespace echogw_bench {

// Returns when the connection has ended, and closes `fd`. On a blocking socket, a short send()
// means the connection has ended.
inline void ServeToTheEnd(int fd, char* buffer, std::size_t size) {
  for (;;) {
    const ssize_t got = recv(fd, buffer, size, 0);
    if (got <= 0) break;
    if (send(fd, buffer, static_cast<std::size_t>(got), MSG_NOSIGNAL) != got) break;
  }
  close(fd);
}

}  // namespace echogw_bench
