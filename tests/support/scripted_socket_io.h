// Scripted system calls on descriptors that need not exist. Without a script, a socket is quiet:
// nothing to read, room to write, nothing to accept.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "reactor/net/socket_io.h"

namespace echogw {

// One thread.
class ScriptedSocketIo final : public SocketIo {
 public:
  // ---- the script: each call adds one step ----
  void ReadGives(int fd, std::string_view bytes);
  void ReadWouldBlock(int fd);
  void ReadEnds(int fd);  // FIN
  void ReadFails(int fd, int error);
  // The next write accepts at most `bytes`.
  void WriteTakes(int fd, std::size_t bytes);
  void WriteWouldBlock(int fd);
  void WriteFails(int fd, int error);
  void AcceptGives(int listener, int fd);
  void AcceptFails(int listener, int error);

  // ---- what happened ----
  [[nodiscard]] std::string written(int fd) const;
  [[nodiscard]] std::size_t reads(int fd) const { return CountIn(reads_, fd); }
  [[nodiscard]] std::size_t writes(int fd) const { return CountIn(writes_, fd); }
  [[nodiscard]] bool closed(int fd) const { return closed_.contains(fd); }
  [[nodiscard]] bool reset(int fd) const { return reset_.contains(fd); }
  [[nodiscard]] bool fin_sent(int fd) const { return fin_.contains(fd); }
  // Accepted, neither closed nor reset.
  [[nodiscard]] const std::set<int>& open() const { return open_; }
  // Unused steps of reads and writes.
  [[nodiscard]] std::size_t steps_left() const;

  [[nodiscard]] IoResult Read(int fd, std::span<std::byte>& buffer) noexcept override;
  [[nodiscard]] IoResult Write(int fd, std::span<const std::byte> from) noexcept override;
  [[nodiscard]] AcceptResult Accept(int listener) noexcept override;
  void ShutdownWrite(int fd) noexcept override { fin_.insert(fd); }
  void Close(int fd) noexcept override;
  void Reset(int fd) noexcept override;

 private:
  struct ReadStep {
    IoResult result;
    std::string bytes;
  };

  [[nodiscard]] static std::size_t CountIn(const std::map<int, std::size_t>& counts, int fd);

  std::map<int, std::deque<ReadStep>> read_steps_;
  std::map<int, std::deque<IoResult>> write_steps_;
  std::map<int, std::deque<AcceptResult>> accept_steps_;
  std::map<int, std::string> written_;
  std::map<int, std::size_t> reads_;
  std::map<int, std::size_t> writes_;
  std::set<int> open_;
  std::set<int> closed_;
  std::set<int> reset_;
  std::set<int> fin_;
};

}  // namespace echogw
