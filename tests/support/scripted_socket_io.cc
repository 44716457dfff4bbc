#include "tests/support/scripted_socket_io.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "reactor/base/check.h"

namespace echogw {

void ScriptedSocketIo::ReadGives(int fd, std::string_view bytes) {
  read_steps_[fd].push_back({{IoStatus::kOk, bytes.size(), 0}, std::string(bytes)});
}

void ScriptedSocketIo::ReadWouldBlock(int fd) {
  read_steps_[fd].push_back({{IoStatus::kWouldBlock, 0, 0}, {}});
}

void ScriptedSocketIo::ReadEnds(int fd) { read_steps_[fd].push_back({{IoStatus::kEof, 0, 0}, {}}); }

void ScriptedSocketIo::ReadFails(int fd, int error) {
  read_steps_[fd].push_back({{IoStatus::kError, 0, error}, {}});
}

void ScriptedSocketIo::WriteTakes(int fd, std::size_t bytes) {
  write_steps_[fd].push_back({IoStatus::kOk, bytes, 0});
}

void ScriptedSocketIo::WriteWouldBlock(int fd) {
  write_steps_[fd].push_back({IoStatus::kWouldBlock, 0, 0});
}

void ScriptedSocketIo::WriteFails(int fd, int error) {
  write_steps_[fd].push_back({IoStatus::kError, 0, error});
}

void ScriptedSocketIo::AcceptGives(int listener, int fd) { accept_steps_[listener].push_back(fd); }

void ScriptedSocketIo::AcceptFails(int listener, int error) {
  accept_steps_[listener].push_back(-error);
}

std::string ScriptedSocketIo::written(int fd) const {
  const auto found = written_.find(fd);
  return found == written_.end() ? std::string() : found->second;
}

std::size_t ScriptedSocketIo::CountIn(const std::map<int, std::size_t>& counts, int fd) {
  const auto found = counts.find(fd);
  return found == counts.end() ? 0 : found->second;
}

std::size_t ScriptedSocketIo::steps_left() const {
  std::size_t n = 0;
  for (const auto& [fd, steps] : read_steps_) n += steps.size();
  for (const auto& [fd, steps] : write_steps_) n += steps.size();
  return n;
}

IoResult ScriptedSocketIo::Read(int fd, std::span<std::byte>& buffer) noexcept {
  CHECK(!closed_.contains(fd) && !reset_.contains(fd) && !buffer.empty());
  ++reads_[fd];
  auto& steps = read_steps_[fd];
  if (steps.empty()) return {IoStatus::kWouldBlock, 0, 0};
  ReadStep& step = steps.front();
  IoResult result = step.result;
  if (result.status == IoStatus::kOk) {
    // As in the kernel, the rest stays for the next read.
    result.bytes = std::min(step.bytes.size(), buffer.size());
    std::memcpy(buffer.data(), step.bytes.data(), result.bytes);
    step.bytes.erase(0, result.bytes);
    if (!step.bytes.empty()) return result;
  }
  steps.pop_front();
  return result;
}

IoResult ScriptedSocketIo::Write(int fd, std::span<const std::byte> from) noexcept {
  CHECK(!closed_.contains(fd) && !reset_.contains(fd) && !from.empty());
  ++writes_[fd];
  IoResult result{IoStatus::kOk, from.size(), 0};
  if (auto& steps = write_steps_[fd]; !steps.empty()) {
    result = steps.front();
    steps.pop_front();
  }
  if (result.status != IoStatus::kOk) return result;
  result.bytes = std::min(result.bytes, from.size());
  for (const std::byte b : from.first(result.bytes)) {
    written_[fd].push_back(static_cast<char>(b));
  }
  return result;
}

AcceptResult ScriptedSocketIo::Accept(int listener) noexcept {
  auto& steps = accept_steps_[listener];
  if (steps.empty()) return -EAGAIN;
  const AcceptResult result = steps.front();
  steps.pop_front();
  if (result >= 0) open_.insert(result);
  return result;
}

void ScriptedSocketIo::Close(int fd) noexcept {
  CHECK(!closed_.contains(fd) && !reset_.contains(fd));
  closed_.insert(fd);
  open_.erase(fd);
}

void ScriptedSocketIo::Reset(int fd) noexcept {
  CHECK(!closed_.contains(fd) && !reset_.contains(fd));
  reset_.insert(fd);
  open_.erase(fd);
}

}  // namespace echogw
