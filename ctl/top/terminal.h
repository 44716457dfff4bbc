// The terminal, by ncurses. One at a time, on one thread. The destructor restores it.
#pragma once

#include <csignal>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "ctl/top/cells.h"
#include "ctl/top/inbox.h"
#include "ctl/top/ui.h"

namespace echogw::ctl::top {

// Adopts the locale of LC_ALL, LC_CTYPE or LANG, and returns whether it is UTF-8.
bool AdoptLocale();

class TopTerminal {
 public:
  // Takes over standard input and output, which are a terminal. `inbox` is woken when the size
  // changes and when the process is continued; it outlives the terminal. FAILED_PRECONDITION when
  // the terminal that TERM names cannot be drawn on.
  static absl::StatusOr<std::unique_ptr<TopTerminal>> Open(TopInbox& inbox, bool colour, bool utf8);
  ~TopTerminal();

  // Blank, of the current size of the terminal.
  [[nodiscard]] CellGrid MakeGrid();
  // Sends what differs from what was shown before.
  void Show(const CellGrid& grid);

  // The next key; none when there is none. Ctrl-L and Ctrl-Z are handled here, Ctrl-C is a 'q'.
  std::optional<Key> ReadKey();

 private:
  struct Curses;

  TopTerminal(std::unique_ptr<Curses> curses, TopInbox& inbox, bool colour, bool utf8);
  void Suspend();

  std::unique_ptr<Curses> curses_;
  const bool utf8_;
  bool colour_;
};

}  // namespace echogw::ctl::top
