// Describes connections to others: in slices of the table, one in detail, and as events for those
// that watch. Reactor's thread.
#pragma once

#include <cstdint>

#include "reactor/command.h"
#include "reactor/connection/connection_record.h"
#include "reactor/loop_context.h"

namespace echogw {

class ConnectionLister {
 public:
  explicit ConnectionLister(LoopContext& context) : context_(context) {}

  [[nodiscard]] ConnectionRecord RecordOf(const Connection& c, std::uint32_t index);
  // Null if the connection is not here, or no longer.
  [[nodiscard]] Connection* Find(const ConnectionRef& ref);

  void Handle(const ReadConnections& command);
  void Handle(const InspectConnection& command);

  // Once the client is known: at once for plain echo, else after header and handshake. Further
  // calls for a session have no effect.
  void TellOpened(const Connection& c, std::uint32_t index);
  void TellClosed(const Connection& c, std::uint32_t index, CloseReason reason);

 private:
  void Tell(const Connection& c, std::uint32_t index, bool opened, CloseReason reason);

  LoopContext& context_;
};

}  // namespace echogw
