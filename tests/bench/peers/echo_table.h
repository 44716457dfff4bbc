// The connections of a peer that asks the kernel which sockets are ready: bytes that the kernel did
// not take yet, by descriptor. One thread. The mechanism above it (select, poll, epoll) only says
// what is ready, so that nothing but the mechanism differs between these peers.
#pragma once

#include <unistd.h>

#include <array>
#include <vector>

#include "tests/bench/peers/serving.h"

namespace echogw_bench {

class EchoTable {
 public:
  // What the mechanism has to wait for next; kOver: for nothing, the caller closes it.
  enum class Wait { kReadable, kWritable, kOver };

  explicit EchoTable(std::size_t descriptors) : pending_(descriptors) {}

  bool HasPending(int fd) const { return pending_[Index(fd)] != nullptr; }

  // Sends `size` bytes; what does not fit is kept. False when the connection is gone.
  bool Send(int fd, const char* data, std::size_t size) {
    ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
    if (sent == static_cast<ssize_t>(size)) return true;
    if (sent < 0) {
      if (errno != EAGAIN) return false;
      sent = 0;
    }
    pending_[Index(fd)] = new Pending{{data + sent, data + size}, 0};
    return true;
  }

  // True when nothing is pending any more; sets `gone` when the connection is.
  bool Flush(int fd, bool& gone) {
    Pending* pending = pending_[Index(fd)];
    if (pending == nullptr) return true;
    while (pending->sent < pending->bytes.size()) {
      const ssize_t sent = send(fd, pending->bytes.data() + pending->sent,
                                pending->bytes.size() - pending->sent, MSG_NOSIGNAL);
      if (sent < 0) {
        gone = errno != EAGAIN;
        return false;
      }
      pending->sent += static_cast<std::size_t>(sent);
    }
    delete pending;
    pending_[Index(fd)] = nullptr;
    return true;
  }

  void Close(int fd) {
    delete pending_[Index(fd)];
    pending_[Index(fd)] = nullptr;
    close(fd);
  }

  // A turn of a level-triggered mechanism: one read, which shows again if it left something. While
  // anything is pending nothing is read.
  Wait Turn(int fd) {
    bool gone = false;
    if (Flush(fd, gone)) {
      const ssize_t got = recv(fd, buffer_.data(), buffer_.size(), 0);
      if (got < 0 && errno == EAGAIN) return Wait::kReadable;
      gone = got <= 0 || !Send(fd, buffer_.data(), static_cast<std::size_t>(got));
    }
    if (gone) return Wait::kOver;
    return HasPending(fd) ? Wait::kWritable : Wait::kReadable;
  }

  std::array<char, kBufferBytes>& buffer() { return buffer_; }

 private:
  struct Pending {
    std::vector<char> bytes;
    std::size_t sent = 0;
  };

  static std::size_t Index(int fd) { return static_cast<std::size_t>(fd); }

  std::array<char, kBufferBytes> buffer_;
  std::vector<Pending*> pending_;  // by descriptor; null when all is sent
};

}  // namespace echogw_bench
