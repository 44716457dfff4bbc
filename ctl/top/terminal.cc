#include "ctl/top/terminal.h"

// Without this curses.h makes macros of names like erase and move.
#define NCURSES_NOMACROS 1
#include <curses.h>
#include <langinfo.h>
#include <sys/ioctl.h>
#include <term.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <clocale>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace echogw::ctl::top {
namespace {

constexpr int kCtrlC = 3;
constexpr int kCtrlL = 12;
constexpr int kCtrlZ = 26;
constexpr int kEscape = 27;
constexpr int kDelete = 127;
// How long after Esc the rest of a key's sequence may come.
constexpr int kEscapeMilliseconds = 25;

// Written by the one terminal on its thread, read by signal handlers on any. Release/acquire: the
// inbox is complete before a handler sees it.
std::atomic<TopInbox*> signalled_inbox{nullptr};
static_assert(std::atomic<TopInbox*>::is_always_lock_free);

// Set by a signal handler, taken by the terminal's thread. Relaxed: it guards no other data.
std::atomic<bool> was_stopped{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void WakeInbox(int number) {
  const int saved = errno;
  if (number == SIGCONT) was_stopped.store(true, std::memory_order_relaxed);
  if (const TopInbox* inbox = signalled_inbox.load(std::memory_order_acquire)) inbox->Wake();
  errno = saved;
}

struct sigaction Handle(int number, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  struct sigaction before = {};
  sigaction(number, &action, &before);
  return before;
}

enum Pair : short { kGreen = 1, kYellow, kRed, kCyan };

attr_t AttributesOf(Style style, bool colour) {
  const auto pair = [colour](Pair number) -> attr_t {
    return colour ? static_cast<attr_t>(COLOR_PAIR(number)) : 0;
  };
  switch (style) {
    case Style::kPlain:
      return A_NORMAL;
    case Style::kDim:
      return colour ? A_DIM : A_NORMAL;
    case Style::kBold:
      return A_BOLD;
    case Style::kTitle:
    case Style::kSelected:
      return A_REVERSE;
    case Style::kHeading:
      return A_BOLD | A_UNDERLINE;
    case Style::kGood:
      return pair(kGreen);
    case Style::kWarn:
      return colour ? pair(kYellow) : A_BOLD;
    case Style::kBad:
      return A_BOLD | pair(kRed);
    case Style::kSpark:
      return pair(kCyan);
  }
  return A_NORMAL;
}

// None for keys without a meaning.
std::optional<Key> Translate(int code) {
  using Code = Key::Code;
  static constexpr std::pair<int, Code> kSpecial[] = {
      {KEY_UP, Code::kUp},         {KEY_DOWN, Code::kDown},    {KEY_LEFT, Code::kLeft},
      {KEY_RIGHT, Code::kRight},   {KEY_PPAGE, Code::kPageUp}, {KEY_NPAGE, Code::kPageDown},
      {KEY_HOME, Code::kHome},     {KEY_END, Code::kEnd},      {KEY_ENTER, Code::kEnter},
      {'\r', Code::kEnter},        {'\n', Code::kEnter},       {KEY_BACKSPACE, Code::kBackspace},
      {kDelete, Code::kBackspace}, {'\b', Code::kBackspace},   {kEscape, Code::kEscape}};
  for (const auto& [special, key] : kSpecial) {
    if (special == code) return Key{key, 0};
  }
  if (code >= ' ' && code < kDelete) return Key{Key::Code::kChar, static_cast<char>(code)};
  return std::nullopt;
}

}  // namespace

struct TopTerminal::Curses {
  SCREEN* screen = nullptr;
  struct sigaction resized = {};
  struct sigaction continued = {};
  struct sigaction stopped = {};
};

bool AdoptLocale() {
  // Not LC_NUMERIC: numbers keep their decimal points.
  if (std::setlocale(LC_CTYPE, "") == nullptr) return false;
  return std::strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

absl::StatusOr<std::unique_ptr<TopTerminal>> TopTerminal::Open(TopInbox& inbox, bool colour,
                                                               bool utf8) {
  auto curses = std::make_unique<Curses>();
  curses->resized = Handle(SIGWINCH, WakeInbox);
  curses->continued = Handle(SIGCONT, WakeInbox);
  sigaction(SIGTSTP, nullptr, &curses->stopped);
  const char* term = std::getenv("TERM");
  curses->screen = newterm(nullptr, stdout, stdin);
  if (curses->screen == nullptr || tigetstr("cup") == nullptr) {
    if (curses->screen != nullptr) {
      endwin();
      delscreen(curses->screen);
    }
    sigaction(SIGWINCH, &curses->resized, nullptr);
    sigaction(SIGCONT, &curses->continued, nullptr);
    sigaction(SIGTSTP, &curses->stopped, nullptr);
    return absl::FailedPreconditionError(absl::StrCat("cannot draw on a terminal of the type '",
                                                      term == nullptr ? "" : term, "' (TERM)"));
  }
  return std::unique_ptr<TopTerminal>(new TopTerminal(std::move(curses), inbox, colour, utf8));
}

TopTerminal::TopTerminal(std::unique_ptr<Curses> curses, TopInbox& inbox, bool colour, bool utf8)
    : curses_(std::move(curses)), utf8_(utf8), colour_(colour && has_colors()) {
  signalled_inbox.store(&inbox, std::memory_order_release);
  // The handler of ncurses draws, on any thread that gets the signal.
  Handle(SIGTSTP, SIG_DFL);
  // Ctrl-C and Ctrl-Z come as keys.
  raw();
  noecho();
  nonl();
  keypad(stdscr, TRUE);
  nodelay(stdscr, TRUE);
  set_escdelay(kEscapeMilliseconds);
  curs_set(0);
  if (!colour_) return;
  start_color();
  // The terminal's own background, where it has one.
  const short background = use_default_colors() == OK ? -1 : COLOR_BLACK;
  init_pair(kGreen, COLOR_GREEN, background);
  init_pair(kYellow, COLOR_YELLOW, background);
  init_pair(kRed, COLOR_RED, background);
  init_pair(kCyan, COLOR_CYAN, background);
}

TopTerminal::~TopTerminal() {
  endwin();
  delscreen(curses_->screen);
  sigaction(SIGWINCH, &curses_->resized, nullptr);
  sigaction(SIGCONT, &curses_->continued, nullptr);
  sigaction(SIGTSTP, &curses_->stopped, nullptr);
  signalled_inbox.store(nullptr, std::memory_order_release);
}

CellGrid TopTerminal::MakeGrid() {
  if (was_stopped.exchange(false, std::memory_order_relaxed)) {
    // A shell used the terminal meanwhile.
    reset_prog_mode();
    clearok(curscr, TRUE);
  }
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0 &&
      (size.ws_row != getmaxy(stdscr) || size.ws_col != getmaxx(stdscr))) {
    resizeterm(size.ws_row, size.ws_col);
    // Terminals rearrange text when they change size.
    clearok(curscr, TRUE);
  }
  return {getmaxx(stdscr), getmaxy(stdscr)};
}

void TopTerminal::Show(const CellGrid& grid) {
  werase(stdscr);
  for (int y = 0; y < grid.height(); ++y) {
    for (int x = 0; x < grid.width();) {
      // A run of one style.
      const Style style = grid.at(x, y).style;
      const int start = x;
      std::wstring run;
      for (; x < grid.width() && grid.at(x, y).style == style; ++x) {
        const char32_t glyph = grid.at(x, y).glyph;
        run += static_cast<wchar_t>(utf8_ ? glyph : static_cast<unsigned char>(AsciiFor(glyph)));
      }
      wattrset(stdscr, static_cast<int>(AttributesOf(style, colour_)));
      mvwaddnwstr(stdscr, y, start, run.data(), static_cast<int>(run.size()));
    }
  }
  wrefresh(stdscr);
}

std::optional<Key> TopTerminal::ReadKey() {
  for (;;) {
    const int code = wgetch(stdscr);
    if (code == ERR) return std::nullopt;
    if (code == kCtrlC) return Key{Key::Code::kChar, 'q'};
    if (code == kCtrlL) {
      clearok(curscr, TRUE);
      continue;
    }
    if (code == kCtrlZ) {
      Suspend();
      continue;
    }
    if (const std::optional<Key> key = Translate(code)) return key;
  }
}

void TopTerminal::Suspend() {
  endwin();
  // Stops the whole job, as the terminal would. Continues here after SIGCONT.
  kill(0, SIGTSTP);
  clearok(curscr, TRUE);
  wrefresh(stdscr);
}

}  // namespace echogw::ctl::top
