// Goal: tables line up, by golden output.
#include "ctl/output/table.h"

#include <gtest/gtest.h>

#include <sstream>

namespace echogw::ctl {
namespace {

TEST(Table, AlignsColumnsAndLeavesNoTrailingBlanks) {
  Table table({{"ID", Align::kRight},
               {"STATE", Align::kLeft},
               {"TIME", Align::kRight},
               {"NOTE", Align::kLeft}});
  table.AddRow({"7", "serving", "1.25 µs", "a"});
  table.AddRow({"12", "parked", "1 s"});
  table.AddRow({"112", "", "10.0 ms", "long note", "dropped"});
  std::ostringstream out;
  table.Print(out, false);
  EXPECT_EQ(out.str(),
            " ID  STATE       TIME  NOTE\n"
            "  7  serving  1.25 µs  a\n"
            " 12  parked       1 s\n"
            "112           10.0 ms  long note\n");
}

TEST(Table, ColourTouchesTheHeaderOnly) {
  Table table("A");
  table.AddRow({"b"});
  std::ostringstream out;
  table.Print(out, true);
  EXPECT_EQ(out.str(), "\x1b[4mA\x1b[0m\nb\n");
}

TEST(Table, WithoutRowsItIsItsHeader) {
  std::ostringstream out;
  Table({{"A"}, {"B", Align::kRight}}).Print(out, false);
  EXPECT_EQ(out.str(), "A  B\n");
}

TEST(Table, ControlCharactersOfOthersAreShownNotSent) {
  Table table("A");
  table.AddRow({"a\x1b[2J\n\x7f\xC2\x9B\xC2\xA0µ"});
  std::ostringstream out;
  table.Print(out, false);
  EXPECT_EQ(out.str(), "A\na\\x1b[2J\\x0a\\x7f\\x9b\xC2\xA0µ\n");
}

TEST(Table, WidthCountsCharacters) {
  EXPECT_EQ(DisplayWidth(""), 0U);
  EXPECT_EQ(DisplayWidth("abc"), 3U);
  EXPECT_EQ(DisplayWidth("µs"), 2U);
}

}  // namespace
}  // namespace echogw::ctl
