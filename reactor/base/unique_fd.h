// UniqueFd owns one file descriptor and closes it. Any thread, one at a time.
#pragma once

#include <unistd.h>

#include <utility>

namespace echogw {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.Release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) Reset(other.Release());
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { Reset(); }

  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] bool valid() const noexcept { return fd_ >= 0; }

  // Gives the descriptor away without closing it.
  [[nodiscard]] int Release() noexcept { return std::exchange(fd_, -1); }

  // Closes what is owned and owns `fd`. An error of close() is of no use to anybody: Linux frees
  // the descriptor in any case (close(2)).
  void Reset(int fd = -1) noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace echogw
