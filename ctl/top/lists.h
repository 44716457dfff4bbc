// The lists of `top`, of connections and events, and the details of one connection, requested
// periodically while they are shown. Functions over the state of the view, on its thread.
#pragma once

#include "ctl/top/state.h"

namespace echogw::ctl::top {

// Of the selected reactor.
void OpenConnections(TopState& state);
// Of the selected connection.
void OpenDetail(TopState& state, TopClock::time_point now);
void OpenEvents(TopState& state);
// `steps` orders further.
void SortConnections(TopState& state, int steps, TopClock::time_point now);

// Asks again for what is shown, when it is time.
void RefreshLists(TopState& state, TopClock::time_point now);

// Answers for a list that has been left are dropped.
void Take(TopState& state, ConnectionsPage page);
void Take(TopState& state, DetailPage page);
void Take(TopState& state, EventsPage page);

}  // namespace echogw::ctl::top
