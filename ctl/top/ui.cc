#include "ctl/top/ui.h"

#include <type_traits>

#include "ctl/top/actions.h"
#include "ctl/top/draw.h"
#include "ctl/top/lists.h"

namespace echogw::ctl::top {
namespace {

using TimePoint = TopClock::time_point;

// -1 and 1 for the keys that choose the previous and the next order; 0 for others.
int SortSteps(Key key) {
  if (key.code == Key::Code::kLeft || key.letter == '<') return -1;
  return key.code == Key::Code::kRight || key.letter == '>' || key.letter == 's' ? 1 : 0;
}

}  // namespace

TopUi::TopUi(std::string target, Duration interval) {
  state_.target = std::move(target);
  state_.interval = interval;
}

void TopUi::Receive(TopMessage message, TimePoint now) {
  std::visit(
      [&](auto& it) {
        using Message = std::decay_t<decltype(it)>;
        if constexpr (std::is_same_v<Message, admin::v1::GetStatsResponse>) {
          Take(std::move(it), now);
        } else if constexpr (std::is_same_v<Message, admin::v1::GetInfoResponse>) {
          state_.info = std::move(it);
        } else if constexpr (std::is_same_v<Message, FeedLost>) {
          state_.lost = LostFeed{std::move(it.reason), now + it.retry_in};
        } else if constexpr (std::is_same_v<Message, ActionNews>) {
          // The list may show what was done.
          if (it.tone == ActionNews::Tone::kDone) state_.connections.loading.asked.reset();
          Say(state_, it.tone, std::move(it.text), now);
        } else {
          top::Take(state_, std::move(it));
        }
      },
      message);
}

void TopUi::Take(admin::v1::GetStatsResponse stats, TimePoint now) {
  const bool first = state_.model.empty();
  state_.model.Add(stats);
  state_.fresh = now;
  state_.lost.reset();
  const std::vector<ReactorRow>& rows = state_.model.rows();
  if (first && !rows.empty()) state_.reactors.selected = rows.front().id;
}

void TopUi::Tick(TimePoint now) {
  if (state_.status && state_.status->until && now >= *state_.status->until) state_.status.reset();
  RefreshLists(state_, now);
}

void TopUi::Draw(CellGrid& grid, TimePoint now) {
  if (grid.width() < kLeastWidth || grid.height() < kLeastHeight) {
    DrawTooSmall(grid, kLeastWidth, kLeastHeight);
  } else {
    DrawScreen(grid, state_, now);
  }
}

void TopUi::Press(Key key, TimePoint now) {
  if (state_.prompt) {
    PressInPrompt(state_, key, now);
  } else if (state_.view == View::kHelp && key.letter != 'q') {
    state_.view = state_.before_help;
  } else if (PressAnywhere(key, now) || PressToMove(key)) {
    return;
  } else if (state_.view == View::kReactors) {
    PressInReactors(key, now);
  } else if (state_.view == View::kConnections) {
    PressInConnections(key, now);
  }
}

bool TopUi::PressAnywhere(Key key, TimePoint now) {
  if (key.code == Key::Code::kEscape) {
    GoBack();
  } else if (key.letter == 'q') {
    done_ = true;
  } else if (key.letter == 'h' || key.letter == '?') {
    state_.before_help = std::exchange(state_.view, View::kHelp);
  } else if (key.letter == ' ') {
    state_.frozen = state_.frozen ? std::nullopt : std::optional(state_.model);
  } else if (key.letter == 'e') {
    OpenEvents(state_);
  } else if (key.letter == 'D') {
    AskDrainGateway(state_);
  } else if (key.letter == 'u') {
    Undrain(state_, now);
  } else if (key.letter == 'b') {
    Rebalance(state_, now);
  } else if (key.letter == '+' || key.letter == '=') {
    AskResize(state_, 1, now);
  } else if (key.letter == '-') {
    AskResize(state_, -1, now);
  } else if (key.letter == 'R') {
    AskReactorCount(state_);
  } else {
    return false;
  }
  return true;
}

void TopUi::GoBack() {
  if (state_.view == View::kConnections && state_.connections.detail_id) {
    state_.connections.detail_id.reset();
  } else {
    state_.view = View::kReactors;
  }
}

bool TopUi::PressToMove(Key key) {
  constexpr int kFar = 1 << 24;
  if (key.code == Key::Code::kUp || key.letter == 'k') {
    MoveSelection(-1);
  } else if (key.code == Key::Code::kDown || key.letter == 'j') {
    MoveSelection(1);
  } else if (key.code == Key::Code::kPageUp) {
    MoveSelection(-state_.page);
  } else if (key.code == Key::Code::kPageDown) {
    MoveSelection(state_.page);
  } else if (key.code == Key::Code::kHome || key.letter == 'g') {
    MoveSelection(-kFar);
  } else if (key.code == Key::Code::kEnd || key.letter == 'G') {
    MoveSelection(kFar);
  } else {
    return false;
  }
  return true;
}

void TopUi::MoveSelection(int steps) {
  if (state_.view == View::kConnections) {
    if (state_.connections.detail_id) return;
    state_.connections.cursor.Move(steps, state_.connections.response.connections_size());
  } else if (state_.view == View::kEvents) {
    state_.events.cursor.Move(steps, static_cast<int>(state_.events.events.size()));
  } else {
    const std::vector<ReactorRow> rows = state_.SortedRows();
    if (rows.empty()) return;
    ListCursor at;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (rows[i].id == state_.reactors.selected) at.selected = static_cast<int>(i);
    }
    at.Move(steps, static_cast<int>(rows.size()));
    state_.reactors.selected = rows[static_cast<std::size_t>(at.selected)].id;
  }
}

void TopUi::SortBy(Column column) {
  state_.reactors.sort = column;
  state_.reactors.descending = SpecOf(column).largest_first;
}

void TopUi::PressInReactors(Key key, TimePoint now) {
  if (key.code == Key::Code::kEnter) {
    OpenConnections(state_);
  } else if (const int steps = SortSteps(key); steps != 0) {
    SortBy(NextColumn(state_.reactors.sort, steps));
  } else if (key.letter == 'r') {
    state_.reactors.descending = !state_.reactors.descending;
  } else if (key.letter == 'd') {
    AskDrainReactor(state_, now);
  }
}

void TopUi::PressInConnections(Key key, TimePoint now) {
  if (const int steps = SortSteps(key); steps != 0) {
    SortConnections(state_, steps, now);
  } else if (key.code == Key::Code::kEnter) {
    OpenDetail(state_, now);
  } else if (key.letter == 'x') {
    AskClose(state_, admin::v1::CLOSE_MODE_FIN);
  } else if (key.letter == 'X') {
    AskClose(state_, admin::v1::CLOSE_MODE_RST);
  }
}

}  // namespace echogw::ctl::top
