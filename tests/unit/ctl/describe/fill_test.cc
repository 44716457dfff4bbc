// Goal: running text becomes lines that fit, without losing or splitting a word.
#include "ctl/describe/fill.h"

#include <gtest/gtest.h>

namespace echogw::ctl {
namespace {

TEST(FillTest, BreaksBetweenWords) {
  EXPECT_EQ(Fill("one two three", 7, "", ""), "one two\nthree\n");
  EXPECT_EQ(Fill("one two three", 8, "- ", "  "), "- one\n  two\n  three\n");
  EXPECT_EQ(Fill("one\n two", 80, "", ""), "one two\n");
}

TEST(FillTest, ALongWordStandsAlone) {
  EXPECT_EQ(Fill("a incomprehensible b", 5, "", ""), "a\nincomprehensible\nb\n");
}

TEST(FillTest, NothingIsNothing) { EXPECT_EQ(Fill(" ", 5, "- ", ""), ""); }

TEST(FillTest, CountsCharacters) { EXPECT_EQ(Fill("µµ µµ", 5, "", ""), "µµ µµ\n"); }

}  // namespace
}  // namespace echogw::ctl
