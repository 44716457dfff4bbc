// UdpThread: one client thread of a load of datagrams: its sockets, each with `depth` places for
// outstanding datagrams; every answer is verified and every missing one counted.
//
// A datagram carries its number, then bytes of the pattern that depend on the socket and the
// number: an answer that is altered, cut or meant for another socket differs. A number belongs to
// one place, so that late answers and duplicates are recognised.
//
// Owned by a UdpLoadRun. Open() runs on the thread of the owner before Run(), which is the body of
// the thread; TakeResult() is for after the join.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "ctl/engine/event_wait.h"
#include "ctl/engine/measured_window.h"
#include "ctl/engine/options.h"
#include "ctl/engine/pattern.h"
#include "ctl/engine/result.h"
#include "ctl/engine/schedule.h"
#include "ctl/engine/thread_group.h"

namespace echogw::ctl::load {

class UdpThread {
 public:
  using Options = UdpLoadOptions;
  using Result = UdpLoadResult;

  // INVALID_ARGUMENT for options that cannot run.
  [[nodiscard]] static absl::Status Check(const UdpLoadOptions& options);

  // All references outlive the thread.
  UdpThread(const UdpLoadOptions& options, const Pattern& pattern, const LoadShare& share,
            StartGate& gate, const std::atomic<bool>& stop);
  ~UdpThread();

  [[nodiscard]] absl::Status Open();
  void Run();

  [[nodiscard]] UdpLoadResult TakeResult() { return std::move(result_); }
  [[nodiscard]] const LoadProgress& progress() const { return progress_; }

 private:
  struct Socket {
    int fd = -1;
    std::uint32_t phase = 0;
  };
  struct Place {
    std::uint64_t number = 0;  // of its last datagram: 1 + its index, then `depth` more each time
    LoadTime sent_at;
    bool awaits = false;
  };

  [[nodiscard]] absl::Status OpenSocket(std::uint64_t serial);
  [[nodiscard]] bool MaySend() const { return !window_.closed() && result_.sent < share_.messages; }
  [[nodiscard]] const char* BytesOf(std::size_t socket, std::uint64_t number) const {
    return pattern_.At(PhaseOf(socket, number));
  }
  [[nodiscard]] std::uint32_t PhaseOf(std::size_t socket, std::uint64_t number) const {
    return Pattern::Advance(sockets_[socket].phase, number % Pattern::kPeriod);
  }
  // Sends into every place that awaits no answer.
  void Fill(std::size_t socket, LoadTime now);
  void FillAll(LoadTime now);
  [[nodiscard]] bool Send(std::size_t socket, Place& place, std::uint64_t number, LoadTime now);
  void Read(std::size_t socket);
  void Check(std::size_t socket, const char* data, std::size_t size, LoadTime now);
  // Counts answers that are overdue as lost, which frees their places.
  void ExpireAnswers(LoadTime now);
  void CountError(int error);

  const UdpLoadOptions& options_;
  const Pattern& pattern_;
  const LoadShare share_;
  StartGate& gate_;
  const std::atomic<bool>& stop_;

  EventWait wait_;
  MeasuredWindow window_;
  std::vector<Socket> sockets_;
  std::vector<Place> places_;
  std::vector<char> out_;
  std::vector<char> in_;
  UdpLoadResult result_;
  std::uint64_t awaited_ = 0;
  LoadTime next_expiry_;
  LoadProgress progress_;
};

}  // namespace echogw::ctl::load
