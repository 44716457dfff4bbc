// Starts and ends reactors. The order of the steps keeps every connection: first a reactor gets no
// new ones, then another reactor accepts from its listeners, then its connections move, and only a
// reactor that has nothing left is ended. Control thread.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "server/pool/mover.h"
#include "server/pool/pool_context.h"

namespace echogw::server {

class Resizer {
 public:
  Resizer(PoolContext& pool, Mover& mover) : pool_(pool), mover_(mover) {}

  // Starts the first reactors, in slots that exist.
  [[nodiscard]] absl::Status Start(std::uint32_t reactors);
  [[nodiscard]] Outcome Handle(const ResizeRequest& request);

 private:
  [[nodiscard]] Outcome Grow(std::uint32_t from, std::uint32_t target);
  [[nodiscard]] Outcome Shrink(std::uint32_t from, const ResizeRequest& request);
  // The reactors first to end-1, which are starting, accept from their own listeners and serve.
  void Adopt(std::uint32_t first, std::uint32_t end);
  // Serving reactors accept from the slots first to end-1 that have no reactor of their own.
  void Park(std::uint32_t first, std::uint32_t end);
  void SendListeners(std::uint32_t slot, std::uint32_t owner);

  PoolContext& pool_;
  Mover& mover_;
};

}  // namespace echogw::server
