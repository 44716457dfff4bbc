// Frames between the two processes of a handover, with descriptors attached. A frame is a header of
// 12 bytes, "EGW1", the length and the number of descriptors, both in host order, and the message.
// Over a stream socket, descriptors go with the first byte of a frame (unix(7), SCM_RIGHTS). In a
// file, for a process that executes another binary in place, their numbers follow the message, and
// the descriptors stay open. One thread at a time.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "echogw/handover/v1/handover.pb.h"
#include "reactor/base/unique_fd.h"

namespace echogw::server {

namespace handover = echogw::handover::v1;

struct ReceivedFrame {
  handover::Frame frame;
  std::vector<UniqueFd> fds;
};

class Channel {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  // Descriptors of one frame; the kernel takes 253 at once.
  static constexpr std::size_t kFdsMax = 200;

  // A socket, or a file.
  explicit Channel(UniqueFd fd);

  // Two ends. Neither passes to a child process by itself.
  [[nodiscard]] static absl::StatusOr<std::pair<Channel, UniqueFd>> MakePair();
  // An empty file in memory.
  [[nodiscard]] static absl::StatusOr<Channel> MakeFile();
  [[nodiscard]] bool is_file() const { return is_file_; }
  // The next frame that is received is the first one of the file.
  [[nodiscard]] absl::Status Rewind() const;
  [[nodiscard]] int fd() const { return fd_.get(); }

  // Errors: DeadlineExceeded; Unavailable if the other process has closed its end; else of the
  // call that failed.
  [[nodiscard]] absl::Status Send(const handover::Frame& frame, const std::vector<int>& fds,
                                  Deadline deadline) const;
  // The same; InvalidArgument for what is not a frame, ResourceExhausted if there is no room for
  // the descriptors, Cancelled soon after `cancelled` is set.
  [[nodiscard]] absl::StatusOr<ReceivedFrame> Receive(
      Deadline deadline, const std::atomic<bool>* cancelled = nullptr) const;

  void Close() { fd_.Reset(); }
  // Both directions end: a Receive on another thread returns.
  void Shutdown() const;

 private:
  [[nodiscard]] absl::Status Await(short events, Deadline deadline,
                                   const std::atomic<bool>* cancelled) const;
  [[nodiscard]] absl::Status Append(const std::string& frame, const std::vector<int>& fds) const;
  // Fills `into` from the file.
  [[nodiscard]] absl::Status Read(void* into, std::size_t bytes) const;
  // Fills `into`, whose first byte may have descriptors.
  [[nodiscard]] absl::Status ReceiveAll(std::string& into, std::vector<UniqueFd>& fds,
                                        Deadline deadline,
                                        const std::atomic<bool>* cancelled) const;

  UniqueFd fd_;
  bool is_file_ = false;
};

}  // namespace echogw::server
