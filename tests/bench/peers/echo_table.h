// The connections of a readiness-based peer: unsent bytes by descriptor. One thread. The mechanism
// (select, poll, epoll) only reports what is ready and is the only difference between these peers.
#pragma once

#include <unistd.h>

#include <array>
#include <vector>

#include "tests/bench/peers/serving.h"

namespace echogw_bench {

class EchoTable {
 public:
  // What to wait for next; kOver: the caller closes it.
  enum class Wait { kReadable, kWritable, kOver };

  explicit EchoTable(std::size_t descriptors) : pending_(descriptors) {}

  bool HasPending(int fd) const { return pending_[Index(fd)] != nullptr; }

  // Sends `size` bytes and keeps the unsent rest. False if the connection has ended.
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

  // True if nothing is pending; sets `gone` if the connection has ended.
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

  // A turn of a level-triggered mechanism: one read. Remaining data is reported again. Nothing is
  // read while bytes are pending.
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
