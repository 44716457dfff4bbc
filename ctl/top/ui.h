// The behaviour of `top` without terminal, clock and network: keys and messages go in, requests
// come out, and a grid is drawn on demand. Not thread-safe; lives on the thread that runs the verb.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ctl/top/cells.h"
#include "ctl/top/messages.h"
#include "ctl/top/state.h"

namespace echogw::ctl::top {

// Smaller terminals show a line that says so.
inline constexpr int kLeastWidth = 80;
inline constexpr int kLeastHeight = 24;

class TopUi {
 public:
  TopUi(std::string target, Duration interval);

  void Press(Key key, TopClock::time_point now);
  void Receive(TopMessage message, TopClock::time_point now);
  // Asks again for the list that is shown, and clears a footer whose time is over.
  void Tick(TopClock::time_point now);
  // What is to be sent, in order; each is handed out once.
  std::vector<TopRequest> TakeRequests() { return std::exchange(state_.requests, {}); }
  [[nodiscard]] bool done() const { return done_; }

  // Draws the whole grid. Remembers how far lists are scrolled.
  void Draw(CellGrid& grid, TopClock::time_point now);

  [[nodiscard]] const TopState& state() const { return state_; }

 private:
  // True when the key means the same in all views.
  bool PressAnywhere(Key key, TopClock::time_point now);
  // Moves the selection of the list that is shown; false for other keys.
  bool PressToMove(Key key);
  void PressInReactors(Key key, TopClock::time_point now);
  void PressInConnections(Key key, TopClock::time_point now);
  void GoBack();
  void MoveSelection(int steps);
  void SortBy(Column column);
  void Take(admin::v1::GetStatsResponse stats, TopClock::time_point now);

  TopState state_;
  bool done_ = false;
};

}  // namespace echogw::ctl::top
