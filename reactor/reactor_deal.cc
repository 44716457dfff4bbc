// Connections of a listener that all reactors share: whoever accepts deals them out. Each goes the
// way of a connection that moves.

#include <algorithm>
#include <utility>
#include <vector>

#include "reactor/reactor.h"

namespace echogw {

void Reactor::Do(DealConnections& command) {
  if (command.version > deal_version_) {
    deal_version_ = command.version;
    deal_.clear();
    for (const DealTarget& target : command.targets) deal_.push_back({target});
  }
  Answer({.id = command.id});
}

// Smooth weighted round robin: each gains its weight, the richest is next and pays for all.
Mailbox* Reactor::NextInDeal() {
  if (deal_.empty()) return nullptr;
  std::int64_t total = 0;
  for (DealSeat& seat : deal_) {
    seat.credit += seat.target.weight;
    total += seat.target.weight;
  }
  DealSeat& next =
      *std::max_element(deal_.begin(), deal_.end(),
                        [](const DealSeat& a, const DealSeat& b) { return a.credit < b.credit; });
  next.credit -= total;
  return next.target.mailbox;
}

void Reactor::Deal(Token token) {
  Connection* c = table_.Find(token);
  if (c == nullptr) return;  // it could not even begin
  Mailbox* to = NextInDeal();
  if (to == nullptr || to == &deps_.mailbox) return;
  std::vector<MovedConnection> one;
  one.push_back(Detach(*c, token));
  Command command = AdoptConnections{std::move(one)};
  if (to->Post(std::move(command), deps_.counters.connections_moved_out, 1)) return;
  // No room there: it stays.
  for (MovedConnection& m : std::get<AdoptConnections>(command).connections) Attach(std::move(m));
}

}  // namespace echogw
