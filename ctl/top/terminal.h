// The real terminal by ncurses: the only file that knows it. One at a time, on one thread. The
// terminal is put back as it was when the object dies, whatever the reason.
#pragma once

#include <csignal>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "ctl/top/cells.h"
#include "ctl/top/inbox.h"
#include "ctl/top/ui.h"

namespace echogw::ctl::top {

// Whether this process shows text as UTF-8, by LC_ALL, LC_CTYPE or LANG. Adopts that locale.
bool AdoptLocale();

class TopTerminal {
 public:
  // Takes over standard input and output, which are a terminal. `inbox` is woken when the size
  // changes, and when the process goes on after it was stopped; it outlives the terminal.
  // FAILED_PRECONDITION with a sentence when TERM names a terminal that cannot be drawn on.
  static absl::StatusOr<std::unique_ptr<TopTerminal>> Open(TopInbox& inbox, bool colour, bool utf8);
  ~TopTerminal();
  TopTerminal(const TopTerminal&) = delete;
  TopTerminal& operator=(const TopTerminal&) = delete;

  // Blank, and as large as the terminal is at this moment.
  [[nodiscard]] CellGrid MakeGrid();
  // Sends what differs from what was shown before.
  void Show(const CellGrid& grid);

  // What was typed, in turn; none when there is nothing more. Ctrl-L and Ctrl-Z do their work here,
  // Ctrl-C is a 'q'.
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
