// The connections of one reactor, by {index, generation}. Chunks of 256 slots never move, so a
// pointer is valid while its slot is taken. Reactor's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "reactor/base/check.h"
#include "reactor/connection/cold_state.h"
#include "reactor/connection/connection.h"

namespace echogw {

// What an event carries. Generations start at 1; 0 marks an event of something else.
struct Token {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;

  [[nodiscard]] std::uint64_t Pack() const noexcept {
    return (std::uint64_t{generation} << 32U) | index;
  }
  [[nodiscard]] static Token Unpack(std::uint64_t packed) noexcept {
    return {static_cast<std::uint32_t>(packed), static_cast<std::uint32_t>(packed >> 32U)};
  }
};

class SlotTable {
 public:
  SlotTable() = default;
  SlotTable(const SlotTable&) = delete;
  SlotTable& operator=(const SlotTable&) = delete;
  ~SlotTable() { CHECK(size_ == 0); }

  // Takes a free slot for `fd`; all other fields are those of a new connection.
  Token Insert(int fd) {
    if (free_.empty()) Grow();
    const std::uint32_t index = free_.back();
    free_.pop_back();
    Connection& c = At(index);
    CHECK(c.fd < 0 && fd >= 0);
    const std::uint32_t generation = c.generation == UINT32_MAX ? 1 : c.generation + 1;
    c = Connection{};
    c.fd = fd;
    c.generation = generation;
    ++size_;
    return {index, generation};
  }

  // The connection of a token, or null if it is gone.
  [[nodiscard]] Connection* Find(Token token) noexcept {
    if (token.index >= chunks_.size() * kChunk) [[unlikely]]
      return nullptr;
    Connection& c = At(token.index);
    return c.fd >= 0 && c.generation == token.generation ? &c : nullptr;
  }

  // Frees the slot; what the connection owned must already be closed, freed or moved.
  void Erase(Token token) {
    Connection* c = Find(token);
    CHECK(c != nullptr);
    if (c->has_cold) cold_states_[token.index].reset();
    c->fd = -1;
    c->pending = nullptr;
    free_.push_back(token.index);
    --size_;
  }

  // Gives a connection its cold state; it must have none. Erase frees it.
  ColdState& SetCold(Token token, std::unique_ptr<ColdState> cold) {
    Connection* c = Find(token);
    CHECK(c != nullptr && !c->has_cold && cold != nullptr);
    if (cold_states_.size() <= token.index) cold_states_.resize(capacity());
    c->has_cold = true;
    cold_states_[token.index] = std::move(cold);
    return *cold_states_[token.index];
  }

  // The cold state of a connection, made if it has none.
  ColdState& EnsureCold(Token token) {
    ColdState* cold = ColdOf(token.index);
    return cold != nullptr ? *cold : SetCold(token, std::make_unique<ColdState>());
  }

  // The cold state of the connection in a slot, or null. index < capacity().
  [[nodiscard]] ColdState* ColdOf(std::uint32_t index) noexcept {
    return At(index).has_cold ? cold_states_[index].get() : nullptr;
  }

  // Detaches it; null if there is none.
  [[nodiscard]] std::unique_ptr<ColdState> TakeCold(std::uint32_t index) noexcept {
    if (!At(index).has_cold) return nullptr;
    At(index).has_cold = false;
    return std::move(cold_states_[index]);
  }

  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
  // One past the highest index ever used.
  [[nodiscard]] std::uint32_t capacity() const noexcept {
    return static_cast<std::uint32_t>(chunks_.size() * kChunk);
  }
  // The connection in a slot, or null if the slot is free. index < capacity().
  [[nodiscard]] Connection* InSlot(std::uint32_t index) noexcept {
    Connection& c = At(index);
    return c.fd >= 0 ? &c : nullptr;
  }

  // Calls `visit(connection, token)` for each, which may erase the connection it is given.
  template <typename Visit>
  void ForEach(const Visit& visit) {
    (void)ForSome(0, UINT32_MAX, visit);
  }
  // The same for a slice of the slots, at most `slots_max` from `from` on. Returns where the next
  // slice begins; unset at the end.
  template <typename Visit>
  std::optional<std::uint32_t> ForSome(std::uint32_t from, std::uint32_t slots_max,
                                       const Visit& visit) {
    std::uint32_t i = from;
    for (; i < capacity() && i - from < slots_max; ++i) {
      if (Connection* c = InSlot(i); c != nullptr) visit(*c, Token{i, c->generation});
    }
    if (i >= capacity()) return std::nullopt;
    return i;
  }

 private:
  static constexpr std::uint32_t kChunk = 256;  // 16 KiB
  using Chunk = std::unique_ptr<Connection[]>;

  Connection& At(std::uint32_t index) noexcept { return chunks_[index / kChunk][index % kChunk]; }

  void Grow() {
    const std::uint32_t first = capacity();
    chunks_.push_back(std::make_unique<Connection[]>(kChunk));
    // The lowest index is used first, so that busy slots are close together.
    for (std::uint32_t i = kChunk; i-- > 0;) free_.push_back(first + i);
  }

  std::vector<Chunk> chunks_;
  // By index; empty until a connection has one.
  std::vector<std::unique_ptr<ColdState>> cold_states_;
  std::vector<std::uint32_t> free_;
  std::uint32_t size_ = 0;
};

}  // namespace echogw
