#include "ctl/engine/connection_slots.h"

namespace echogw::ctl::load {

using State = LoadConnection::State;

ConnectionSlots::ConnectionSlots(std::size_t count, bool reuse, std::size_t connecting_max)
    : slots_(count), reuse_(reuse), connecting_max_(connecting_max) {
  counts_[static_cast<std::size_t>(State::kIdle)] = count;
  // The lowest slot is taken first.
  for (std::size_t i = count; i > 0; --i) idle_.push_back(i - 1);
}

void ConnectionSlots::Enter(LoadConnection& connection, State state) {
  --counts_[static_cast<std::size_t>(connection.state)];
  ++counts_[static_cast<std::size_t>(state)];
  connection.state = state;
}

void ConnectionSlots::Release(LoadConnection& connection) {
  Enter(connection, reuse_ ? State::kIdle : State::kDead);
  if (reuse_) idle_.push_back(IndexOf(connection));
}

void ConnectionSlots::Release(LoadConnection& connection, LoadTime ready) {
  Enter(connection, reuse_ ? State::kIdle : State::kDead);
  if (reuse_) paused_.emplace_back(ready, IndexOf(connection));
}

LoadConnection& ConnectionSlots::TakeIdle() {
  LoadConnection& connection = slots_[idle_.back()];
  idle_.pop_back();
  connection = LoadConnection{};
  Enter(connection, State::kConnecting);
  return connection;
}

void ConnectionSlots::EndPauses(LoadTime now) {
  while (NextPauseEnd() <= now) {
    idle_.push_back(paused_.front().second);
    paused_.pop_front();
  }
}

}  // namespace echogw::ctl::load
