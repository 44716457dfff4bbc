// Everything that `top` shows at a moment: plain data, changed by TopUi and the functions of
// actions.h and lists.h, read by those of draw.h, all on the thread that runs the verb.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ctl/base/duration.h"
#include "ctl/top/columns.h"
#include "ctl/top/messages.h"
#include "ctl/top/model.h"

namespace echogw::ctl::top {

using TopClock = std::chrono::steady_clock;

// A selection in a list longer than the screen.
struct ListCursor {
  int selected = 0;
  int top = 0;

  void Move(int steps, int count) {
    selected = std::clamp(selected + std::clamp(steps, -count, count), 0, std::max(count - 1, 0));
  }
  // Scrolls so that the selection is among the `rows` that are seen, and nothing is wasted.
  void Fit(int count, int rows) {
    Move(0, count);
    top = std::clamp(top, std::max(selected - rows + 1, 0), selected);
    top = std::clamp(top, 0, std::max(count - rows, 0));
  }
};

// A question; takes all keys until it is answered.
struct Prompt {
  enum class Kind {
    // y or n.
    kConfirm,
    // Like kConfirm; + and - change the number of reactors.
    kConfirmResize,
    // A number of reactors, then kConfirmResize.
    kReactors,
    // The word `word`, in full.
    kWord,
  };
  Kind kind = Kind::kConfirm;
  std::string question;
  std::string word;
  // What was typed.
  std::string text;
  // What is sent when the answer is yes.
  TopRequest request;
};

struct FooterLine {
  ActionNews news;
  // Shown until then; without an end while it runs.
  std::optional<TopClock::time_point> until;
};

struct ReactorsView {
  Column sort = Column::kId;
  bool descending = false;
  // The id of a reactor, so that the selection stays when the order changes.
  std::uint32_t selected = 0;
  ListCursor cursor;
};

// A list that is requested periodically while it is shown.
struct Loading {
  bool awaiting = false;
  bool loaded = false;
  std::string error;
  // When the list was last asked for.
  std::optional<TopClock::time_point> asked;
};

struct ConnectionsView {
  std::uint32_t reactor = 0;
  admin::v1::ConnectionSort sort = admin::v1::CONNECTION_SORT_BYTES;
  admin::v1::ListConnectionsResponse response;
  Loading loading;
  ListCursor cursor;
  // The details of one connection cover the list.
  std::optional<std::uint64_t> detail_id;
  DetailPage detail;
  Loading detail_loading;

  // Null when there is none.
  [[nodiscard]] const admin::v1::Connection* Selected() const {
    return cursor.selected < response.connections_size() ? &response.connections(cursor.selected)
                                                         : nullptr;
  }
};

struct EventsView {
  // Newest first.
  std::vector<admin::v1::Event> events;
  Loading loading;
  ListCursor cursor;
};

enum class View { kReactors, kConnections, kEvents, kHelp };

struct LostFeed {
  std::string reason;
  TopClock::time_point retry_at;
};

struct TopState {
  std::string target;
  Duration interval{};
  TopModel model;
  // What is shown in place of the model while paused.
  std::optional<TopModel> frozen;
  admin::v1::GetInfoResponse info;
  // When the newest snapshot came.
  std::optional<TopClock::time_point> fresh;
  std::optional<LostFeed> lost;
  View view = View::kReactors;
  // Where help was opened.
  View before_help = View::kReactors;
  ReactorsView reactors;
  ConnectionsView connections;
  EventsView events;
  std::optional<Prompt> prompt;
  std::optional<FooterLine> status;
  // Rows of the list that is shown, as last drawn: the length of a page.
  int page = 1;
  // What is to be sent, in order.
  std::vector<TopRequest> requests;

  [[nodiscard]] const TopModel& shown() const { return frozen ? *frozen : model; }
  [[nodiscard]] std::vector<ReactorRow> SortedRows() const {
    return Sorted(shown().rows(), reactors.sort, reactors.descending);
  }
};

}  // namespace echogw::ctl::top
