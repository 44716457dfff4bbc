// What the parts of a reactor call back for; the Reactor implements it. Nothing on the path of a
// byte goes through here. Reactor's thread.
#pragma once

#include "reactor/command.h"
#include "reactor/connection/connection.h"
#include "reactor/connection/slot_table.h"
#include "reactor/stats/counters.h"

namespace echogw {

class ConnectionHost {
 public:
  ConnectionHost() = default;
  ConnectionHost(const ConnectionHost&) = delete;
  ConnectionHost& operator=(const ConnectionHost&) = delete;

  // The connection is in the table and watched. It may be gone on return.
  virtual void OnAccepted(Connection& c, Token token, const Listener& listener) = 0;
  // A connection that moved here is in the table. It is watched after that.
  virtual void OnArrived(Connection& c, Token token) = 0;
  // Schedules a turn of the connection after the events of this turn of the loop.
  virtual void Enqueue(Connection& c, Token token) = 0;
  // Runs a turn of the connection at once. It may be gone on return.
  virtual void RunTurn(Connection& c, Token token) = 0;
  // Closes once everything received is echoed: FIN, then the client's FIN is awaited.
  virtual void BeginClose(Connection& c, Token token) = 0;
  // Closes now; `reset` sends RST, as some reasons do in any case.
  virtual void Close(Connection& c, Token token, CloseReason reason, bool reset) = 0;
  // Fills in what every report has, and sends it.
  virtual void Answer(Report report) = 0;

 protected:
  virtual ~ConnectionHost() = default;
};

}  // namespace echogw
