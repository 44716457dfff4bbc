// Begins and runs the sessions of connections that are more than plain echo, and ends those whose
// handshake does not complete in time. Their state is in ColdState. Reactor's thread.
#pragma once

#include "reactor/base/clock.h"
#include "reactor/connection_host.h"
#include "reactor/connection_lister.h"
#include "reactor/loop_context.h"

namespace echogw {

class Sessions {
 public:
  Sessions(LoopContext& context, ConnectionHost& host, ConnectionLister& lister)
      : context_(context), host_(host), lister_(lister) {}

  // False: there is no memory for it, and the connection is closed.
  [[nodiscard]] bool Begin(Connection& c, Token token, const Service& service);
  [[nodiscard]] EchoResult Turn(Connection& c, Token token, Session& session,
                                const EchoContext& context);
  // When the handshake must be complete; kNever if none is awaited.
  [[nodiscard]] static Nanos DeadlineOf(const Connection& c, const ColdState& cold);
  // The deadline has passed.
  void EndHandshake(Connection& c, Token token);

 private:
  LoopContext& context_;
  ConnectionHost& host_;
  ConnectionLister& lister_;
};

}  // namespace echogw
