// What goes in and out of the view of `top`: keys, and messages to and from the threads that call
// the gateway. Values: messages are handed over by an inbox and a queue, never shared.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "ctl/base/duration.h"
#include "echogw/admin/v1/admin.pb.h"

namespace echogw::ctl::top {

// A key, whatever the terminal sends for it.
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
  // Of kChar: printable ASCII; otherwise 0.
  char letter = 0;
};

// From the view to the gateway: the API's own requests.
using TopRequest =
    std::variant<admin::v1::DrainRequest, admin::v1::UndrainRequest, admin::v1::ResizeRequest,
                 admin::v1::RebalanceRequest, admin::v1::CloseConnectionsRequest,
                 admin::v1::ListConnectionsRequest, admin::v1::GetConnectionRequest,
                 admin::v1::ListEventsRequest>;

// The stream of snapshots ended; the next try is after `retry_in`.
struct FeedLost {
  std::string reason;
  Duration retry_in{};
};

// Answers carry their request: a late one can be dropped. With an error the response is empty.
struct ConnectionsPage {
  admin::v1::ListConnectionsRequest request;
  std::string error;
  admin::v1::ListConnectionsResponse response;
};

struct DetailPage {
  std::uint64_t id = 0;
  std::string error;
  admin::v1::GetConnectionResponse response;
};

struct EventsPage {
  std::string error;
  admin::v1::ListEventsResponse response;
};

// Progress or outcome of an action.
struct ActionNews {
  enum class Tone { kRunning, kDone, kFailed };
  Tone tone = Tone::kDone;
  // One line.
  std::string text;
};

// From the gateway to the view.
using TopMessage = std::variant<admin::v1::GetStatsResponse, admin::v1::GetInfoResponse, FeedLost,
                                ConnectionsPage, DetailPage, EventsPage, ActionNews>;

}  // namespace echogw::ctl::top
