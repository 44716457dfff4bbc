// What keys do.
#include <chrono>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "ctl/output/units.h"
#include "ctl/top/ui.h"

namespace echogw::ctl::top {
namespace {

using admin::v1::CloseMode;
using TimePoint = TopClock::time_point;
using Tone = ActionNews::Tone;

// The bounds of ResizeRequest.target.
constexpr std::uint32_t kMostReactors = 256;
// A longer answer makes no sense to any question.
constexpr std::size_t kLongestAnswer = 16;
// Connections that are asked for at once; the list says when there are more.
constexpr std::uint32_t kConnectionsShown = 500;
constexpr std::uint32_t kEventsShown = 500;

bool IsLetter(Key key, char letter) { return key.code == Key::Code::kChar && key.letter == letter; }

bool Accepts(const Prompt& prompt, char letter) {
  if (prompt.text.size() >= kLongestAnswer) return false;
  if (prompt.kind == Prompt::Kind::kReactors) return letter >= '0' && letter <= '9';
  return prompt.kind == Prompt::Kind::kWord;
}

bool IsDraining(admin::v1::GatewayState state) {
  return state >= admin::v1::GATEWAY_STATE_UNHEALTHY && state <= admin::v1::GATEWAY_STATE_DRAINED;
}

Prompt ResizePrompt(std::uint32_t now, std::uint32_t target) {
  admin::v1::ResizeRequest request;
  request.set_target(target);
  Prompt prompt;
  prompt.kind = Prompt::Kind::kConfirmResize;
  prompt.question =
      absl::StrCat("Resize from ", now, " to ", target, " reactors? y/n, + and - change it");
  prompt.request = request;
  return prompt;
}

// The next one in the order of the API, without the order by id that has pages.
admin::v1::ConnectionSort NextSort(admin::v1::ConnectionSort sort, int steps) {
  constexpr int kSorts = 4;
  const int at = (static_cast<int>(sort) - 1 + steps + kSorts) % kSorts;
  return static_cast<admin::v1::ConnectionSort>(at + 1);
}

}  // namespace

void TopUi::Press(Key key, TimePoint now) {
  if (state_.prompt) {
    PressInPrompt(key, now);
    return;
  }
  if (state_.view == View::kHelp && !IsLetter(key, 'q')) {
    state_.view = state_.before_help;
    return;
  }
  if (PressAnywhere(key, now) || PressToMove(key)) return;
  switch (state_.view) {
    case View::kReactors:
      PressInReactors(key, now);
      return;
    case View::kConnections:
      PressInConnections(key, now);
      return;
    case View::kEvents:
    case View::kHelp:
      return;
  }
}

bool TopUi::PressAnywhere(Key key, TimePoint now) {
  if (key.code == Key::Code::kEscape) {
    if (state_.view == View::kConnections && state_.connections.detail_id) {
      state_.connections.detail_id.reset();
    } else {
      state_.view = View::kReactors;
    }
    return true;
  }
  if (key.code != Key::Code::kChar) return false;
  switch (key.letter) {
    case 'q':
      done_ = true;
      return true;
    case 'h':
    case '?':
      state_.before_help = state_.view;
      state_.view = View::kHelp;
      return true;
    case ' ':
      if (state_.frozen) {
        state_.frozen.reset();
      } else {
        state_.frozen = state_.model;
      }
      return true;
    case 'e':
      OpenEvents();
      return true;
    case 'D':
      AskDrainGateway();
      return true;
    case 'u':
      Undrain(now);
      return true;
    case 'b':
      requests_.emplace_back(admin::v1::RebalanceRequest());
      Say(Tone::kRunning, "rebalance: asked for", now);
      return true;
    case '+':
    case '=':
      AskResize(1, now);
      return true;
    case '-':
      AskResize(-1, now);
      return true;
    case 'R':
      AskResizeNumber(now);
      return true;
    default:
      return false;
  }
}

bool TopUi::PressToMove(Key key) {
  const bool letter = key.code == Key::Code::kChar;
  constexpr int kFar = 1 << 24;
  if (key.code == Key::Code::kUp || (letter && key.letter == 'k')) {
    MoveSelection(-1);
  } else if (key.code == Key::Code::kDown || (letter && key.letter == 'j')) {
    MoveSelection(1);
  } else if (key.code == Key::Code::kPageUp) {
    MoveSelection(-state_.page);
  } else if (key.code == Key::Code::kPageDown) {
    MoveSelection(state_.page);
  } else if (key.code == Key::Code::kHome || (letter && key.letter == 'g')) {
    MoveSelection(-kFar);
  } else if (key.code == Key::Code::kEnd || (letter && key.letter == 'G')) {
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

void TopUi::PressInReactors(Key key, TimePoint now) {
  ReactorsView& view = state_.reactors;
  if (key.code == Key::Code::kEnter) {
    OpenConnections();
  } else if (key.code == Key::Code::kLeft || IsLetter(key, '<')) {
    SortBy(NextColumn(view.sort, -1));
  } else if (key.code == Key::Code::kRight || IsLetter(key, '>') || IsLetter(key, 's')) {
    SortBy(NextColumn(view.sort, 1));
  } else if (IsLetter(key, 'r')) {
    view.descending = !view.descending;
  } else if (IsLetter(key, 'd')) {
    AskDrainReactor(now);
  }
}

void TopUi::PressInConnections(Key key, TimePoint now) {
  ConnectionsView& view = state_.connections;
  int steps = 0;
  if (key.code == Key::Code::kLeft || IsLetter(key, '<')) steps = -1;
  if (key.code == Key::Code::kRight || IsLetter(key, '>') || IsLetter(key, 's')) steps = 1;
  if (steps != 0) {
    view.sort = NextSort(view.sort, steps);
    view.cursor = {};
    LoadConnections(now);
  } else if (key.code == Key::Code::kEnter) {
    const admin::v1::Connection* selected = SelectedConnection();
    if (selected == nullptr || view.detail_id) return;
    view.detail_id = selected->id();
    view.detail_loading = {};
    LoadDetail(now);
  } else if (IsLetter(key, 'x')) {
    AskClose(admin::v1::CLOSE_MODE_FIN);
  } else if (IsLetter(key, 'X')) {
    AskClose(admin::v1::CLOSE_MODE_RST);
  }
}

void TopUi::PressInPrompt(Key key, TimePoint now) {
  Prompt& prompt = *state_.prompt;
  if (key.code == Key::Code::kEscape) {
    state_.prompt.reset();
    return;
  }
  if (prompt.kind == Prompt::Kind::kConfirm || prompt.kind == Prompt::Kind::kConfirmResize) {
    if (IsLetter(key, 'y') || IsLetter(key, 'Y')) {
      AnswerPrompt(now);
    } else if (IsLetter(key, 'n') || IsLetter(key, 'N') || IsLetter(key, 'q')) {
      state_.prompt.reset();
    } else if (prompt.kind == Prompt::Kind::kConfirmResize) {
      const int steps =
          IsLetter(key, '+') || IsLetter(key, '=') ? 1 : (IsLetter(key, '-') ? -1 : 0);
      if (steps != 0) AskResize(steps, now);
    }
    return;
  }
  if (key.code == Key::Code::kEnter) {
    AnswerPrompt(now);
  } else if (key.code == Key::Code::kBackspace) {
    if (!prompt.text.empty()) prompt.text.pop_back();
  } else if (key.code == Key::Code::kChar && Accepts(prompt, key.letter)) {
    prompt.text += key.letter;
  }
}

void TopUi::AnswerPrompt(TimePoint now) {
  Prompt prompt = std::move(*state_.prompt);
  state_.prompt.reset();
  if (prompt.kind == Prompt::Kind::kReactors) {
    std::uint32_t target = 0;
    if (prompt.text.empty()) return;
    if (!absl::SimpleAtoi(prompt.text, &target) || target < 1 || target > kMostReactors) {
      Say(Tone::kFailed, absl::StrCat("a gateway has 1 to ", kMostReactors, " reactors"), now);
      return;
    }
    state_.prompt = ResizePrompt(state_.model.serving(), target);
    return;
  }
  if (prompt.kind == Prompt::Kind::kWord && prompt.text != prompt.word) {
    Say(Tone::kFailed, absl::StrCat("not done: '", prompt.word, "' was not typed"), now);
    return;
  }
  requests_.push_back(std::move(prompt.request));
  Say(Tone::kRunning, "asked the gateway", now);
}

void TopUi::SortBy(Column column) {
  state_.reactors.sort = column;
  state_.reactors.descending = SpecOf(column).largest_first;
}

void TopUi::AskDrainReactor(TimePoint now) {
  const ReactorRow* row = state_.model.Find(state_.reactors.selected);
  if (row == nullptr) return;
  if (row->state == admin::v1::REACTOR_STATE_PARKED) {
    Say(Tone::kFailed, absl::StrCat("reactor ", row->id, " is parked: it serves nobody"), now);
    return;
  }
  admin::v1::DrainRequest request;
  request.set_reactor(row->id);
  Prompt prompt;
  prompt.question = absl::StrCat("Drain reactor ", row->id, "? Its ", HumanCount(row->connections),
                                 " connections move to others. y/n");
  prompt.request = request;
  state_.prompt = std::move(prompt);
}

void TopUi::AskDrainGateway() {
  Prompt prompt;
  prompt.kind = Prompt::Kind::kWord;
  prompt.word = "drain";
  prompt.question = "Every connection ends. Type 'drain' and Enter to drain the gateway:";
  prompt.request = admin::v1::DrainRequest();
  state_.prompt = std::move(prompt);
}

void TopUi::AskResize(int steps, TimePoint now) {
  if (state_.model.empty()) return;
  const std::uint32_t serving = state_.model.serving();
  std::uint32_t from = serving;
  if (state_.prompt) from = std::get<admin::v1::ResizeRequest>(state_.prompt->request).target();
  const std::uint32_t target = steps > 0 ? from + 1 : (from > 0 ? from - 1 : 0);
  if (target >= 1 && target <= kMostReactors) {
    state_.prompt = ResizePrompt(serving, target);
  } else if (!state_.prompt) {
    Say(Tone::kFailed, absl::StrCat("a gateway has 1 to ", kMostReactors, " reactors"), now);
  }
}

void TopUi::AskResizeNumber(TimePoint) {
  if (state_.model.empty()) return;
  Prompt prompt;
  prompt.kind = Prompt::Kind::kReactors;
  prompt.question = absl::StrCat("Resize from ", state_.model.serving(),
                                 " to how many reactors, 1 to ", kMostReactors, "?");
  state_.prompt = std::move(prompt);
}

void TopUi::AskClose(CloseMode mode) {
  const ConnectionsView& view = state_.connections;
  const admin::v1::Connection* selected = SelectedConnection();
  // The list behind the details may have moved on.
  if (view.detail_id) {
    const admin::v1::Connection& shown = view.detail.response.connection();
    selected = shown.id() == *view.detail_id ? &shown : nullptr;
  }
  if (selected == nullptr) return;
  admin::v1::CloseConnectionsRequest request;
  request.add_ids(selected->id());
  request.set_mode(mode);
  Prompt prompt;
  prompt.question = mode == admin::v1::CLOSE_MODE_RST
                        ? absl::StrCat("Reset connection ", selected->id(), " of ",
                                       selected->peer(), "? What is in flight is lost. y/n")
                        : absl::StrCat("Close connection ", selected->id(), " of ",
                                       selected->peer(), " with FIN? y/n");
  prompt.request = std::move(request);
  state_.prompt = std::move(prompt);
}

void TopUi::Undrain(TimePoint now) {
  if (state_.model.empty()) return;
  admin::v1::UndrainRequest request;
  const ReactorRow* row = state_.model.Find(state_.reactors.selected);
  if (!IsDraining(state_.model.latest().state())) {
    const auto reactor_state = row == nullptr ? admin::v1::REACTOR_STATE_UNSPECIFIED : row->state;
    if (reactor_state != admin::v1::REACTOR_STATE_DRAINING &&
        reactor_state != admin::v1::REACTOR_STATE_DRAINED) {
      Say(Tone::kFailed, "nothing to undrain: neither the gateway nor this reactor is drained",
          now);
      return;
    }
    request.set_reactor(row->id);
  }
  requests_.emplace_back(request);
  Say(Tone::kRunning, "asked the gateway", now);
}

void TopUi::OpenConnections() {
  if (state_.shown().Find(state_.reactors.selected) == nullptr) return;
  const auto sort = state_.connections.sort;
  state_.connections = {};
  state_.connections.sort = sort;
  state_.connections.reactor = state_.reactors.selected;
  state_.view = View::kConnections;
}

void TopUi::OpenEvents() {
  state_.events = {};
  state_.view = View::kEvents;
}

void TopUi::LoadConnections(TimePoint now) {
  ConnectionsView& view = state_.connections;
  admin::v1::ListConnectionsRequest request;
  request.mutable_filter()->add_reactors(view.reactor);
  request.set_sort(view.sort);
  request.set_page_size(kConnectionsShown);
  requests_.emplace_back(std::move(request));
  view.loading.awaiting = true;
  view.loading.asked = now;
}

void TopUi::LoadDetail(TimePoint now) {
  ConnectionsView& view = state_.connections;
  admin::v1::GetConnectionRequest request;
  request.set_id(*view.detail_id);
  requests_.emplace_back(request);
  view.detail_loading.awaiting = true;
  view.detail_loading.asked = now;
}

void TopUi::LoadEvents(TimePoint now) {
  admin::v1::ListEventsRequest request;
  request.set_limit(kEventsShown);
  requests_.emplace_back(request);
  state_.events.loading.awaiting = true;
  state_.events.loading.asked = now;
}

}  // namespace echogw::ctl::top
