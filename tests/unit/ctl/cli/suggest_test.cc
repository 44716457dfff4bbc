// Goal: a typo finds the word that was meant, and nonsense finds none.
#include "ctl/cli/suggest.h"

#include <gtest/gtest.h>

namespace echogw::ctl {
namespace {

TEST(Suggest, CountsEdits) {
  EXPECT_EQ(EditDistance("", ""), 0U);
  EXPECT_EQ(EditDistance("", "abc"), 3U);
  EXPECT_EQ(EditDistance("drain", "drain"), 0U);
  EXPECT_EQ(EditDistance("drian", "drain"), 1U);
  EXPECT_EQ(EditDistance("resise", "resize"), 1U);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3U);
}

TEST(Suggest, FindsTheNearest) {
  const std::vector<std::string> known = {"stats", "steer", "drain", "undrain", "reactors"};
  EXPECT_EQ(Nearest("stat", known), "stats");
  EXPECT_EQ(Nearest("ster", known), "steer");
  EXPECT_EQ(Nearest("undrian", known), "undrain");
  EXPECT_EQ(Nearest("reactor", known), "reactors");
  EXPECT_EQ(Nearest("zzzzzz", known), "");
  EXPECT_EQ(Nearest("x", known), "");
  EXPECT_EQ(Nearest("x", {}), "");
}

}  // namespace
}  // namespace echogw::ctl
