// An echo server on one thread for the tests of the load engine, correct or with one fault.
// Owned by the test; its destructor stops and joins the thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <thread>

#include "ctl/engine/load_target.h"

namespace echogw::ctl::load {

enum class EchoFault {
  kNone,
  // Each applies once a connection has been sent `at` bytes.
  kFlipByte,
  kDropByte,
  kDuplicateByte,
  // Swaps the next two runs of four bytes.
  kReorder,
  // RST.
  kReset,
  // FIN although the client has not closed.
  kClose,
  // Reads, but never answers again.
  kMute,
  // One byte after the echo, unasked.
  kSurplus,
  // The whole server stops for `pause`, once.
  kPause,
  // Never sends FIN: ignores that of the client.
  kNoFin,
};

struct EchoScript {
  EchoFault fault = EchoFault::kNone;
  // Bytes of a connection echoed right before the fault.
  std::uint64_t at = 0;
  // The fault strikes this connection, counted from 0; -1 for every one.
  int connection = -1;
  std::chrono::milliseconds pause{0};
};

class LoadEchoServer {
 public:
  explicit LoadEchoServer(EchoScript script = {}, int family = AF_INET);
  ~LoadEchoServer();
  LoadEchoServer(const LoadEchoServer&) = delete;
  LoadEchoServer& operator=(const LoadEchoServer&) = delete;

  [[nodiscard]] const LoadTarget& endpoint() const { return endpoint_; }
  // "127.0.0.1:PORT".
  [[nodiscard]] std::string address() const { return endpoint_.ToString(); }
  // Any time, from the test's thread.
  [[nodiscard]] std::uint64_t accepted() const { return accepted_.load(); }
  // Connections that ended in any way, and those of them that ended by FIN both ways.
  [[nodiscard]] std::uint64_t closes() const { return closes_.load(); }
  [[nodiscard]] std::uint64_t clean_closes() const { return clean_closes_.load(); }
  [[nodiscard]] std::uint64_t received_bytes() const { return received_bytes_.load(); }

 private:
  struct Peer {
    int number = 0;
    std::uint64_t received = 0;
    std::string pending;
    bool muted = false;
    bool struck = false;
    bool half_closed = false;
  };

  void Run();
  void Accept();
  // False when the connection has ended.
  [[nodiscard]] bool Serve(int fd, Peer& peer);
  // What to answer to `data`; the script changes it once.
  void Answer(Peer& peer, std::string data);
  [[nodiscard]] bool Flush(int fd, Peer& peer);

  const EchoScript script_;
  LoadTarget endpoint_;
  int listener_ = -1;
  int wake_ = -1;
  bool paused_ = false;
  // Written by the server's thread, read by the test; each stands for itself.
  std::atomic<std::uint64_t> accepted_{0};
  std::atomic<std::uint64_t> closes_{0};
  std::atomic<std::uint64_t> clean_closes_{0};
  std::atomic<std::uint64_t> received_bytes_{0};
  std::map<int, Peer> peers_;
  std::thread thread_;
};

}  // namespace echogw::ctl::load
