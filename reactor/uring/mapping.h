// Memory mapped into this process; unmapped with the object.
#pragma once

#include <cstddef>
#include <cstdint>

namespace echogw {

class Mapping {
 public:
  Mapping() = default;
  // `fd` negative: anonymous and zeroed. Invalid when the system has no room.
  Mapping(std::size_t bytes, int fd, std::uint64_t offset) noexcept;
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  [[nodiscard]] bool valid() const noexcept { return at_ != nullptr; }
  [[nodiscard]] std::byte* at(std::size_t offset) const noexcept { return at_ + offset; }

 private:
  std::byte* at_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace echogw
