#include "ctl/top/actions.h"

#include <chrono>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "ctl/output/units.h"

namespace echogw::ctl::top {
namespace {

using TimePoint = TopClock::time_point;
using Tone = ActionNews::Tone;

// How long the end of an action stays in sight.
constexpr std::chrono::seconds kDoneShown{15};
constexpr std::chrono::seconds kFailedShown{60};
// The bounds of ResizeRequest.target.
constexpr std::uint32_t kMostReactors = 256;
// No answer is longer.
constexpr std::size_t kLongestAnswer = 16;

bool IsOneOf(Key key, std::string_view letters) {
  return key.letter != 0 && letters.find(key.letter) != std::string_view::npos;
}

bool Accepts(const Prompt& prompt, char letter) {
  if (letter == 0 || prompt.text.size() >= kLongestAnswer) return false;
  return prompt.kind == Prompt::Kind::kWord || (letter >= '0' && letter <= '9');
}

void SayReactorBounds(TopState& state, TimePoint now) {
  Say(state, Tone::kFailed, absl::StrCat("a gateway has 1 to ", kMostReactors, " reactors"), now);
}

void Ask(TopState& state, std::string question, TopRequest request,
         Prompt::Kind kind = Prompt::Kind::kConfirm, std::string word = "") {
  state.prompt = Prompt{.kind = kind,
                        .question = std::move(question),
                        .word = std::move(word),
                        .text = "",
                        .request = std::move(request)};
}

void Send(TopState& state, TopRequest request, std::string text, TimePoint now) {
  state.requests.push_back(std::move(request));
  Say(state, Tone::kRunning, std::move(text), now);
}

void ConfirmResize(TopState& state, std::uint32_t target) {
  admin::v1::ResizeRequest request;
  request.set_target(target);
  Ask(state,
      absl::StrCat("Resize from ", state.model.serving(), " to ", target,
                   " reactors? y/n, + and - change it"),
      request, Prompt::Kind::kConfirmResize);
}

void Answer(TopState& state, TimePoint now) {
  Prompt prompt = std::move(*state.prompt);
  state.prompt.reset();
  if (prompt.kind == Prompt::Kind::kReactors) {
    std::uint32_t target = 0;
    if (prompt.text.empty()) return;
    if (!absl::SimpleAtoi(prompt.text, &target) || target < 1 || target > kMostReactors) {
      SayReactorBounds(state, now);
    } else {
      ConfirmResize(state, target);
    }
  } else if (prompt.kind == Prompt::Kind::kWord && prompt.text != prompt.word) {
    Say(state, Tone::kFailed, absl::StrCat("not done: '", prompt.word, "' was not typed"), now);
  } else {
    Send(state, std::move(prompt.request), "request sent", now);
  }
}

}  // namespace

void Say(TopState& state, Tone tone, std::string text, TimePoint now) {
  FooterLine line{.news = {tone, std::move(text)}, .until = std::nullopt};
  if (tone == Tone::kDone) line.until = now + kDoneShown;
  if (tone == Tone::kFailed) line.until = now + kFailedShown;
  state.status = std::move(line);
}

void AskDrainReactor(TopState& state, TimePoint now) {
  const ReactorRow* row = state.model.Find(state.reactors.selected);
  if (row == nullptr) return;
  if (row->state == admin::v1::REACTOR_STATE_PARKED) {
    Say(state, Tone::kFailed,
        absl::StrCat("reactor ", row->id, " is parked: it has no connections"), now);
    return;
  }
  admin::v1::DrainRequest request;
  request.set_reactor(row->id);
  Ask(state,
      absl::StrCat("Drain reactor ", row->id, "? Its ", HumanCount(row->connections),
                   " connections move to others. y/n"),
      request);
}

void AskDrainGateway(TopState& state) {
  Ask(state, "Every connection ends. Type 'drain' and Enter to drain the gateway:",
      admin::v1::DrainRequest(), Prompt::Kind::kWord, "drain");
}

void AskResize(TopState& state, int steps, TimePoint now) {
  if (state.model.empty()) return;
  std::int64_t from = state.model.serving();
  if (state.prompt) from = std::get<admin::v1::ResizeRequest>(state.prompt->request).target();
  const std::int64_t target = from + steps;
  if (target >= 1 && target <= kMostReactors) {
    ConfirmResize(state, static_cast<std::uint32_t>(target));
  } else if (!state.prompt) {
    SayReactorBounds(state, now);
  }
}

void AskReactorCount(TopState& state) {
  if (state.model.empty()) return;
  Ask(state,
      absl::StrCat("Resize from ", state.model.serving(), " to how many reactors, 1 to ",
                   kMostReactors, "?"),
      {}, Prompt::Kind::kReactors);
}

void AskClose(TopState& state, admin::v1::CloseMode mode) {
  const ConnectionsView& view = state.connections;
  const admin::v1::Connection* selected = view.Selected();
  // The list behind the details may have moved on.
  if (view.detail_id) {
    const admin::v1::Connection& shown = view.detail.response.connection();
    selected = shown.id() == *view.detail_id ? &shown : nullptr;
  }
  if (selected == nullptr) return;
  admin::v1::CloseConnectionsRequest request;
  request.add_ids(selected->id());
  request.set_mode(mode);
  const bool reset = mode == admin::v1::CLOSE_MODE_RST;
  Ask(state,
      absl::StrCat(reset ? "Reset" : "Close", " connection ", selected->id(), " of ",
                   selected->peer(), reset ? "? What is in flight is lost. y/n" : " with FIN? y/n"),
      std::move(request));
}

void Undrain(TopState& state, TimePoint now) {
  if (state.model.empty()) return;
  admin::v1::UndrainRequest request;
  const admin::v1::GatewayState gateway = state.model.latest().state();
  const bool draining =
      gateway >= admin::v1::GATEWAY_STATE_UNHEALTHY && gateway <= admin::v1::GATEWAY_STATE_DRAINED;
  if (!draining) {
    const ReactorRow* row = state.model.Find(state.reactors.selected);
    if (row == nullptr || (row->state != admin::v1::REACTOR_STATE_DRAINING &&
                           row->state != admin::v1::REACTOR_STATE_DRAINED)) {
      Say(state, Tone::kFailed,
          "nothing to undrain: neither the gateway nor this reactor is drained", now);
      return;
    }
    request.set_reactor(row->id);
  }
  Send(state, request, "request sent", now);
}

void Rebalance(TopState& state, TimePoint now) {
  Send(state, admin::v1::RebalanceRequest(), "rebalance: request sent", now);
}

void PressInPrompt(TopState& state, Key key, TimePoint now) {
  Prompt& prompt = *state.prompt;
  const bool confirms =
      prompt.kind == Prompt::Kind::kConfirm || prompt.kind == Prompt::Kind::kConfirmResize;
  if (key.code == Key::Code::kEscape || (confirms && IsOneOf(key, "nNq"))) {
    state.prompt.reset();
  } else if (confirms) {
    const bool resizes = prompt.kind == Prompt::Kind::kConfirmResize;
    if (IsOneOf(key, "yY")) Answer(state, now);
    if (resizes && IsOneOf(key, "+=")) AskResize(state, 1, now);
    if (resizes && IsOneOf(key, "-")) AskResize(state, -1, now);
  } else if (key.code == Key::Code::kEnter) {
    Answer(state, now);
  } else if (key.code == Key::Code::kBackspace) {
    if (!prompt.text.empty()) prompt.text.pop_back();
  } else if (Accepts(prompt, key.letter)) {
    prompt.text += key.letter;
  }
}

}  // namespace echogw::ctl::top
