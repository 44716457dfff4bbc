// The behaviour of `top` without terminal, clock and network: keys and messages go in, requests
// come out, and a grid is drawn on demand. Not thread-safe; lives on the thread that runs the verb.
#pragma once

#include <string>
#include <vector>

#include "ctl/top/cells.h"
#include "ctl/top/messages.h"
#include "ctl/top/state.h"

namespace echogw::ctl::top {

struct Key {
  enum class Code {
    kChar,
    kUp,
    kDown,
    kLeft,
    kRight,
    kPageUp,
    kPageDown,
    kHome,
    kEnd,
    kEnter,
    kEscape,
    kBackspace,
  };
  Code code = Code::kChar;
  // Of kChar: printable ASCII.
  char letter = 0;
};

// Smaller terminals get a line that says so.
inline constexpr int kLeastWidth = 80;
inline constexpr int kLeastHeight = 24;

class TopUi {
 public:
  TopUi(std::string target, Duration interval);

  void Press(Key key, TopClock::time_point now);
  void Receive(TopMessage message, TopClock::time_point now);
  // Asks again for the list that is shown, and forgets what has been said for long enough.
  void Tick(TopClock::time_point now);
  // What is to be sent, in order; each is handed out once.
  std::vector<TopRequest> TakeRequests();
  [[nodiscard]] bool done() const { return done_; }

  // Draws the whole grid. Remembers how far lists are scrolled.
  void Draw(CellGrid& grid, TopClock::time_point now);

  [[nodiscard]] const TopState& state() const { return state_; }

 private:
  void PressInPrompt(Key key, TopClock::time_point now);
  void AnswerPrompt(TopClock::time_point now);
  void PressInReactors(Key key, TopClock::time_point now);
  void PressInConnections(Key key, TopClock::time_point now);
  // True when the key meant the same everywhere.
  bool PressAnywhere(Key key, TopClock::time_point now);
  // Moves the selection of the list that is shown; false for other keys.
  bool PressToMove(Key key);
  void MoveSelection(int steps);

  void SortBy(Column column);
  void AskDrainReactor(TopClock::time_point now);
  void AskDrainGateway();
  void AskResize(int steps, TopClock::time_point now);
  void AskResizeNumber(TopClock::time_point now);
  void AskClose(admin::v1::CloseMode mode);
  void Undrain(TopClock::time_point now);
  void OpenConnections();
  void OpenEvents();
  void LoadConnections(TopClock::time_point now);
  void LoadDetail(TopClock::time_point now);
  void LoadEvents(TopClock::time_point now);

  void Take(admin::v1::GetStatsResponse stats, TopClock::time_point now);
  void Take(ConnectionsPage page, TopClock::time_point now);
  void Take(DetailPage detail, TopClock::time_point now);
  void Take(EventsPage page, TopClock::time_point now);
  void Say(ActionNews::Tone tone, std::string text, TopClock::time_point now);
  // The connection that is selected; null when there is none.
  [[nodiscard]] const admin::v1::Connection* SelectedConnection() const;

  TopState state_;
  std::vector<TopRequest> requests_;
  bool done_ = false;
};

}  // namespace echogw::ctl::top
