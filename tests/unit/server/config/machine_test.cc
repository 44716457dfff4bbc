// Goal: the default number of reactors follows the affinity mask and the CPU quota of either
// version of control groups. Method: control group files in a directory of the test's own.
#include "server/config/machine.h"

#include <sched.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/server/temp_dir.h"

namespace echogw::server {
namespace {

using testing::ElementsAre;
using testing::Optional;

struct Cgroups {
  TempDir dir;
  CgroupPaths paths{.self = dir.path() + "/self", .root = dir.path() + "/fs"};
};

TEST(CpuQuota, NoneWithoutFiles) {
  const Cgroups groups;
  EXPECT_EQ(ReadCpuQuota(groups.paths), std::nullopt);
  groups.dir.Write("self", "0::/\n");
  EXPECT_EQ(ReadCpuQuota(groups.paths), std::nullopt);
}

TEST(CpuQuota, VersionTwoTakesTheSmallestOnTheWayUp) {
  const Cgroups groups;
  groups.dir.Write("self", "0::/a/b\n");
  groups.dir.Write("fs/a/b/cpu.max", "max 100000\n");
  EXPECT_EQ(ReadCpuQuota(groups.paths), std::nullopt);
  groups.dir.Write("fs/a/cpu.max", "150000 100000\n");
  EXPECT_THAT(ReadCpuQuota(groups.paths), Optional(1.5));
  groups.dir.Write("fs/a/b/cpu.max", "400000 100000\n");
  EXPECT_THAT(ReadCpuQuota(groups.paths), Optional(1.5));
  groups.dir.Write("fs/a/b/cpu.max", "50000 100000\n");
  EXPECT_THAT(ReadCpuQuota(groups.paths), Optional(0.5));
}

TEST(CpuQuota, VersionTwoInAContainerHasItsLimitAtTheRoot) {
  const Cgroups groups;
  groups.dir.Write("self", "0::/\n");
  groups.dir.Write("fs/cpu.max", "200000 100000\n");
  EXPECT_THAT(ReadCpuQuota(groups.paths), Optional(2.0));
}

TEST(CpuQuota, VersionOne) {
  const Cgroups groups;
  groups.dir.Write("self", "4:memory:/x\n3:cpuset:/x\n2:cpu,cpuacct:/x/y\n1:name=systemd:/\n");
  groups.dir.Write("fs/cpu,cpuacct/x/y/cpu.cfs_quota_us", "-1\n");
  groups.dir.Write("fs/cpu,cpuacct/x/y/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(ReadCpuQuota(groups.paths), std::nullopt);
  groups.dir.Write("fs/cpu,cpuacct/x/y/cpu.cfs_quota_us", "250000\n");
  EXPECT_THAT(ReadCpuQuota(groups.paths), Optional(2.5));
}

TEST(CpuQuota, VersionOneInAContainerNamesAPathOfTheHost) {
  const Cgroups groups;
  groups.dir.Write("self", "2:cpu:/docker/0123\n");
  groups.dir.Write("fs/cpu/cpu.cfs_quota_us", "50000\n");
  groups.dir.Write("fs/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_THAT(ReadCpuQuota(groups.paths), Optional(0.5));
}

TEST(CpuQuota, HybridLooksAtBoth) {
  const Cgroups groups;
  groups.dir.Write("self", "1:cpu:/g\n0::/g\n");
  groups.dir.Write("fs/cpu/g/cpu.cfs_quota_us", "300000\n");
  groups.dir.Write("fs/cpu/g/cpu.cfs_period_us", "100000\n");
  groups.dir.Write("fs/unified/g/cpu.max", "200000 100000\n");
  EXPECT_THAT(ReadCpuQuota(groups.paths), Optional(2.0));
}

TEST(CpuQuota, NonsenseIsNoLimit) {
  const Cgroups groups;
  for (const char* text : {"", "\n", "100000\n", "0 100000\n", "1 0\n", "x y\n", "1e5x 100000\n"}) {
    groups.dir.Write("self", "0::/a\nnot a line\n:\n0::relative\n");
    groups.dir.Write("fs/a/cpu.max", text);
    EXPECT_EQ(ReadCpuQuota(groups.paths), std::nullopt) << text;
  }
}

TEST(DefaultReactors, SmallerOfMaskAndQuotaRoundedUp) {
  const std::vector<int> four = {0, 1, 2, 3};
  EXPECT_EQ(DefaultReactors({.affinity = four}), 4U);
  EXPECT_EQ(DefaultReactors({.affinity = four, .cpu_quota = 1.5}), 2U);
  EXPECT_EQ(DefaultReactors({.affinity = four, .cpu_quota = 0.1}), 1U);
  EXPECT_EQ(DefaultReactors({.affinity = four, .cpu_quota = 64}), 4U);
  EXPECT_EQ(DefaultReactors({.affinity = {}}), 1U);
  EXPECT_EQ(DefaultReactors({.affinity = std::vector<int>(1000)}), 256U);
}

TEST(Affinity, IsThatOfTheProcess) {
  cpu_set_t mask;
  ASSERT_EQ(::sched_getaffinity(0, sizeof(mask), &mask), 0);
  const std::vector<int> cpus = ReadAffinity();
  EXPECT_EQ(static_cast<int>(cpus.size()), CPU_COUNT(&mask));
  for (const int cpu : cpus) EXPECT_TRUE(CPU_ISSET(static_cast<std::size_t>(cpu), &mask));
}

TEST(CpuListText, Ranges) {
  EXPECT_EQ(FormatCpuList({0, 1, 2, 3, 6}), "0-3,6");
  EXPECT_EQ(FormatCpuList({5}), "5");
  EXPECT_EQ(FormatCpuList({}), "");
}

}  // namespace
}  // namespace echogw::server
