// Goal: numbers in tables have three digits and the right unit on both sides of each step.
#include "ctl/output/units.h"

#include <gtest/gtest.h>

namespace echogw::ctl {
namespace {

TEST(Units, CountsAreExactBelowTenThousand) {
  EXPECT_EQ(HumanCount(0), "0");
  EXPECT_EQ(HumanCount(9'999), "9999");
  EXPECT_EQ(HumanCount(10'000), "10.0k");
  EXPECT_EQ(HumanCount(12'345), "12.3k");
  EXPECT_EQ(HumanCount(999'499), "999k");
  EXPECT_EQ(HumanCount(999'501), "1.00M");
  EXPECT_EQ(HumanCount(UINT64_MAX), "18.4E");
}

TEST(Units, BytesStepBy1024) {
  EXPECT_EQ(HumanBytes(0), "0 B");
  EXPECT_EQ(HumanBytes(1023), "1023 B");
  EXPECT_EQ(HumanBytes(1024), "1.00 KiB");
  EXPECT_EQ(HumanBytes(1536), "1.50 KiB");
  EXPECT_EQ(HumanBytes(1024 * 1024 - 1), "1.00 MiB");
  EXPECT_EQ(HumanBytes(std::uint64_t{3} << 30), "3.00 GiB");
  EXPECT_EQ(HumanBytes(UINT64_MAX), "16.0 EiB");
}

TEST(Units, DurationsGoFromNanosecondsToDays) {
  EXPECT_EQ(HumanDuration(Duration(0)), "0 s");
  EXPECT_EQ(HumanDuration(Duration(850)), "850 ns");
  EXPECT_EQ(HumanDuration(Duration(1'250)), "1.25 µs");
  EXPECT_EQ(HumanDuration(Duration(12'500'000)), "12.5 ms");
  EXPECT_EQ(HumanDuration(Duration(999'600'000)), "1.00 s");
  EXPECT_EQ(HumanDuration(std::chrono::milliseconds(3'400)), "3.40 s");
  EXPECT_EQ(HumanDuration(std::chrono::milliseconds(59'960)), "1m00s");
  EXPECT_EQ(HumanDuration(std::chrono::seconds(125)), "2m05s");
  EXPECT_EQ(HumanDuration(std::chrono::minutes(192)), "3h12m");
  EXPECT_EQ(HumanDuration(std::chrono::hours(99)), "4d03h");
  EXPECT_EQ(HumanDuration(Duration(-850)), "-850 ns");
}

TEST(Units, AsciiForALocaleWithoutUtf8) {
  UseAsciiUnits(true);
  EXPECT_EQ(HumanDuration(Duration(1'500)), "1.50 us");
  UseAsciiUnits(false);
  EXPECT_EQ(HumanDuration(Duration(1'500)), "1.50 µs");
}

TEST(Units, RatesLoseNeedlessZeros) {
  EXPECT_EQ(HumanRate(0), "0");
  EXPECT_EQ(HumanRate(0.25), "0.25");
  EXPECT_EQ(HumanRate(0.0001), "0");
  EXPECT_EQ(HumanRate(5), "5");
  EXPECT_EQ(HumanRate(10), "10");
  EXPECT_EQ(HumanRate(12.34), "12.3");
  EXPECT_EQ(HumanRate(1'234), "1.23k");
  EXPECT_EQ(HumanByteRate(0), "0 B/s");
  EXPECT_EQ(HumanByteRate(64'000), "62.5 KiB/s");
}

TEST(Units, SizesTakeBinaryUnits) {
  EXPECT_EQ(*ParseSize("64"), 64U);
  EXPECT_EQ(*ParseSize("64B"), 64U);
  EXPECT_EQ(*ParseSize("4k"), 4096U);
  EXPECT_EQ(*ParseSize("4KiB"), 4096U);
  EXPECT_EQ(*ParseSize("1MiB"), 1U << 20);
  EXPECT_EQ(*ParseSize("2g"), std::uint64_t{2} << 30);
  for (const char* text : {"", "k", "-1", "1.5k", "1 k", "1kb", "1t", "18446744073709551616",
                           "18446744073709551615k"}) {
    EXPECT_FALSE(ParseSize(text).ok()) << text;
  }
}

}  // namespace
}  // namespace echogw::ctl
