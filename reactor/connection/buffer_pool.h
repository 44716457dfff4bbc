// Blocks for output that a slow client has not taken. Sizes are powers of two from 4 KiB; freed
// blocks are kept up to a limit, so that a steady state does not allocate.
//
// Reactor's thread. A Block may be given to another reactor's pool.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace echogw {

class BufferPool {
 public:
  static constexpr std::size_t kSmallestBytes = 4096;
  static constexpr std::size_t kClasses = 16;  // up to 128 MiB
  // Freed memory that is kept, per pool.
  static constexpr std::size_t kKeptBytesMax = std::size_t{4} * 1024 * 1024;

  using Block = std::unique_ptr<std::byte[]>;

  // The class of the smallest block that holds `bytes`, which is at least 1.
  [[nodiscard]] static std::uint8_t ClassFor(std::size_t bytes) noexcept {
    if (bytes <= kSmallestBytes) return 0;
    return static_cast<std::uint8_t>(std::bit_width((bytes - 1) / kSmallestBytes));
  }

  // A new block, for any pool.
  [[nodiscard]] static Block Make(std::uint8_t size_class) {
    return Block(new std::byte[kSmallestBytes << size_class]);
  }

  [[nodiscard]] Block Take(std::uint8_t size_class) {
    auto& free = free_[size_class];
    if (free.empty()) return Make(size_class);
    Block block = std::move(free.back());
    free.pop_back();
    kept_bytes_ -= kSmallestBytes << size_class;
    return block;
  }

  void Give(Block block, std::uint8_t size_class) {
    const std::size_t bytes = kSmallestBytes << size_class;
    if (kept_bytes_ + bytes > kKeptBytesMax) return;
    kept_bytes_ += bytes;
    free_[size_class].push_back(std::move(block));
  }

  [[nodiscard]] std::size_t kept_bytes() const noexcept { return kept_bytes_; }

 private:
  std::array<std::vector<Block>, kClasses> free_;
  std::size_t kept_bytes_ = 0;
};

}  // namespace echogw
