// Goal: text lands in the cells it should, and nothing that came over the network can steer the
// terminal. Method: small grids as text.
#include "ctl/top/cells.h"

#include <gtest/gtest.h>

#include "ctl/top/sparkline.h"

namespace echogw::ctl::top {
namespace {

TEST(CellGridTest, PutsAndTrims) {
  CellGrid grid(8, 2);
  EXPECT_EQ(grid.Put(1, 0, "abc"), 4);
  EXPECT_EQ(grid.Text(true), " abc\n\n");
}

TEST(CellGridTest, CutsWithAnEllipsis) {
  CellGrid grid(6, 3);
  grid.Put(0, 0, "abcdefgh");
  grid.Put(0, 1, "abcdef");
  grid.Put(0, 2, "abcdef", Style::kPlain, 3);
  EXPECT_EQ(grid.Text(true), "abcde…\nabcdef\nab…\n");
  EXPECT_EQ(grid.Text(false), "abcde~\nabcdef\nab~\n");
}

TEST(CellGridTest, ClipsWhatIsOutside) {
  CellGrid grid(3, 1);
  grid.Put(0, 1, "x");
  grid.Put(3, 0, "x");
  grid.Put(-1, 0, "x");
  grid.Put(0, -1, "x");
  grid.Put(1, 0, "x", Style::kPlain, 0);
  grid.StyleRow(7, Style::kBad);
  EXPECT_EQ(grid, CellGrid(3, 1));
}

TEST(CellGridTest, PutsToTheRight) {
  CellGrid grid(8, 2);
  grid.PutRight(8, 0, "µs", 5);
  grid.PutRight(4, 1, "123456", 3);
  EXPECT_EQ(grid.Text(true), "      µs\n 12…\n");
}

TEST(CellGridTest, KeepsStyles) {
  CellGrid grid(3, 1);
  grid.Put(0, 0, "a", Style::kGood);
  EXPECT_EQ(grid.at(0, 0), (Cell{U'a', Style::kGood}));
  EXPECT_EQ(grid.at(1, 0), Cell());
  grid.StyleRow(0, Style::kSelected);
  EXPECT_EQ(grid.at(2, 0).style, Style::kSelected);
}

TEST(CellGridTest, ShowsNothingThatSteersTheTerminal) {
  CellGrid grid(40, 1);
  // An escape sequence, a control of the second set, broken and overlong UTF-8, a wide and a
  // combining character.
  grid.Put(0, 0, "a\x1b[2J\x07\n\x7f\xc2\x9b\xff\xe2\x82\xc0\xaf世e\xcc\x81");
  const std::string text = grid.Text(true);
  EXPECT_EQ(text, "a?[2J" + std::string(9, '?') + "e?\n");
  for (const char c : text.substr(0, text.size() - 1)) EXPECT_GE(c, ' ');
}

TEST(CellGridTest, ASizeOfNothingIsOneCell) {
  const CellGrid grid(0, -3);
  EXPECT_EQ(grid.width(), 1);
  EXPECT_EQ(grid.height(), 1);
}

TEST(CellGridTest, EveryPictureHasAnAsciiForm) {
  for (const char32_t glyph : std::u32string(U"▁▂▃▄▅▆▇█▉▊▋▌▍▎▏µ…▲▼↑↓─–·")) {
    EXPECT_NE(AsciiFor(glyph), '?') << static_cast<unsigned>(glyph);
  }
  EXPECT_EQ(AsciiFor(U'x'), 'x');
  EXPECT_EQ(AsciiFor(U'é'), '?');
}

TEST(SparklineTest, ScalesToTheLargestShown) {
  History history;
  EXPECT_EQ(Sparkline(history, 3), "   ");
  history.Add(0);
  EXPECT_EQ(Sparkline(history, 3), "  ▁");
  history.Add(7);
  history.Add(14);
  EXPECT_EQ(Sparkline(history, 3), "▁▅█");
  EXPECT_EQ(Sparkline(history, 4), " ▁▅█");
  // Older values do not count any more.
  history.Add(7);
  EXPECT_EQ(Sparkline(history, 1), "█");
  EXPECT_EQ(Sparkline(history, 0), "");
}

TEST(SparklineTest, ForgetsTheOldest) {
  History history;
  for (std::size_t i = 0; i < History::kCapacity + 10; ++i) history.Add(static_cast<double>(i));
  EXPECT_EQ(history.size(), History::kCapacity);
  EXPECT_EQ(history.at(0), 10);
}

TEST(BarTest, FillsByEighths) {
  EXPECT_EQ(Bar(0, 4), "    ");
  EXPECT_EQ(Bar(0.001, 4), "▏   ");
  EXPECT_EQ(Bar(0.5, 4), "██  ");
  EXPECT_EQ(Bar(0.59375, 4), "██▍ ");
  EXPECT_EQ(Bar(1, 4), "████");
  EXPECT_EQ(Bar(7, 2), "██");
  EXPECT_EQ(Bar(-1, 2), "  ");
  EXPECT_EQ(Bar(0.5, 0), "");
}

}  // namespace
}  // namespace echogw::ctl::top
