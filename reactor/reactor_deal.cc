// Connections of a listener that all reactors share: whoever accepts deals them out. Each goes the
// way of a connection that moves.

#include <algorithm>
#include <utility>
#include <vector>

#include "reactor/reactor.h"

namespace echogw {

void Reactor::Do(AssignConnections& command) {
  if (command.version > assignment_version_) {
    assignment_version_ = command.version;
    deal_.clear();
    for (const AssignTarget& target : command.targets) deal_.push_back({target});
  }
  Answer({.id = command.id});
}

// Smooth weighted round robin: each gains its weight, the richest is next and pays for all.
Mailbox* Reactor::NextAssigned() {
  if (deal_.empty()) return nullptr;
  std::int64_t total = 0;
  for (AssignSeat& seat : deal_) {
    seat.credit += seat.target.weight;
    total += seat.target.weight;
  }
  AssignSeat& next = *std::max_element(
      deal_.begin(), deal_.end(),
      [](const AssignSeat& a, const AssignSeat& b) { return a.credit < b.credit; });
  next.credit -= total;
  return next.target.mailbox;
}

void Reactor::Deal(Token token) {
  Connection* c = table_.Find(token);
  if (c == nullptr) return;  // it could not even begin
  Mailbox* to = NextAssigned();
  if (to == nullptr || to == &deps_.mailbox) return;
  std::vector<MovedConnection> one;
  one.push_back(Detach(*c, token));
  Command command = AdoptConnections{std::move(one)};
  if (to->Post(std::move(command), deps_.counters.connections_moved_out, 1)) return;
  // No room there: it stays.
  for (MovedConnection& m : std::get<AdoptConnections>(command).connections) Attach(std::move(m));
}

}  // namespace echogw
