// What an operator asks of the gateway: questions, their answers, and the requests that follow.
// Functions over the state of the view, on its thread.
#pragma once

#include <string>

#include "ctl/top/state.h"

namespace echogw::ctl::top {

// Each opens a prompt, or says in the footer why there is nothing to ask.
void AskDrainReactor(TopState& state, TopClock::time_point now);
void AskDrainGateway(TopState& state);
// `steps` more reactors, than the open prompt says if there is one.
void AskResize(TopState& state, int steps, TopClock::time_point now);
void AskReactorCount(TopState& state);
void AskClose(TopState& state, admin::v1::CloseMode mode);

// These act without a question.
void Undrain(TopState& state, TopClock::time_point now);
void Rebalance(TopState& state, TopClock::time_point now);

// A key for the open prompt.
void PressInPrompt(TopState& state, Key key, TopClock::time_point now);

// Shows `text` in the footer, for a time that depends on the tone.
void Say(TopState& state, ActionNews::Tone tone, std::string text, TopClock::time_point now);

}  // namespace echogw::ctl::top
