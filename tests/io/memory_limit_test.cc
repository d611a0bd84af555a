#include "io/memory_limit.h"

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "gtest/gtest.h"
#include "tests/testing/temp_directory.h"

namespace quire::io {
namespace {

// A tree of the kernel's files.
class MemoryLimitTest : public ::testing::Test {
 protected:
  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = Root() + path;
    std::filesystem::create_directories(file.parent_path());
    testing::WriteFile(file, text);
  }
  std::string Root() const { return directory_.path() + "/"; }
  uint64_t Limit() const { return ControlGroupMemoryLimit(Root()); }

  const testing::TempDirectory directory_;
};

TEST_F(MemoryLimitTest, NoControlGroupsMeanNoLimit) {
  EXPECT_EQ(Limit(), UINT64_MAX);
}

TEST_F(MemoryLimitTest, Version2TakesTheLeastOnTheWayUp) {
  Write(
      "proc/self/mountinfo",
      "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n");
  Write("proc/self/cgroup", "0::/a.slice/b.scope\n");
  EXPECT_EQ(Limit(), UINT64_MAX);
  Write("sys/fs/cgroup/a.slice/b.scope/memory.max", "max\n");
  EXPECT_EQ(Limit(), UINT64_MAX);
  Write("sys/fs/cgroup/a.slice/memory.max", "3000000\n");
  EXPECT_EQ(Limit(), 3000000u);
  Write("sys/fs/cgroup/a.slice/b.scope/memory.max", "2000000\n");
  EXPECT_EQ(Limit(), 2000000u);
}

TEST_F(MemoryLimitTest, Version1HasAHierarchyForMemory) {
  Write("proc/self/mountinfo",
        "34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
        "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  Write("proc/self/cgroup", "5:cpuset:/other\n4:memory:/group\n0::/\n");
  Write("sys/fs/cgroup/cpuset/group/memory.limit_in_bytes", "1\n");
  Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  Write("sys/fs/cgroup/memory/group/memory.limit_in_bytes", "157286400\n");
  EXPECT_EQ(Limit(), 157286400u);
}

TEST_F(MemoryLimitTest, AContainerSeesItsOwnGroupAtTheTop) {
  Write("proc/self/mountinfo",
        "35 31 0:32 /docker/1 /sys/fs/cgroup/memory ro - cgroup cgroup "
        "rw,memory\n");
  Write("proc/self/cgroup", "4:memory:/docker/1\n");
  Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "5000000\n");
  EXPECT_EQ(Limit(), 5000000u);
}

TEST_F(MemoryLimitTest, GarbageIsNoLimit) {
  Write("proc/self/mountinfo", "x\n\n1 2 3 4 5 6 -\n- cgroup2\n");
  Write("proc/self/cgroup", "::::\nx\n");
  EXPECT_EQ(Limit(), UINT64_MAX);
}

TEST_F(MemoryLimitTest, IsAtMostTheMachines) {
  const auto machine = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                       static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  EXPECT_LE(UsableMemoryBytes(), machine);
  EXPECT_GT(UsableMemoryBytes(), 0u);
}

}  // namespace
}  // namespace quire::io
