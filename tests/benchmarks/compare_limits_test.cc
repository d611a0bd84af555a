// What the machine's limits are read from: fio, /proc/diskstats, control
// groups.
#include <filesystem>
#include <string>

#include "absl/strings/match.h"
#include "benchmarks/compare/device_counters.h"
#include "benchmarks/compare/fio.h"
#include "benchmarks/compare/memory_cgroup.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::benchmarks {
namespace {

using ::testing::DoubleNear;
using ::testing::IsEmpty;

constexpr char kFioOutput[] = R"(fio: a warning in front
{
  "fio version" : "fio-3.33",
  "jobs" : [
    {
      "jobname" : "limit",
      "read" : {"total_ios" : 5000, "iops" : 10000.5, "bw_bytes" : 40962048},
      "write" : {"total_ios" : 0, "iops" : 0.0, "bw_bytes" : 0},
      "job_runtime" : 500,
      "usr_cpu" : 3.0,
      "sys_cpu" : 7.0
    }
  ]
})";

TEST(FioTest, ReadsWhatFioPrints) {
  const absl::StatusOr<FioResult> result = ParseFioOutput(kFioOutput);
  ASSERT_OK(result);
  EXPECT_THAT(result->ios_per_second, DoubleNear(10000.5, 1e-9));
  EXPECT_THAT(result->bytes_per_second, DoubleNear(40962048, 1e-9));
  // A tenth of half a second, for 5000.
  EXPECT_THAT(result->cpu_seconds_per_io, DoubleNear(1e-5, 1e-12));
}

TEST(FioTest, WritesCountWhereNothingWasRead) {
  std::string output = kFioOutput;
  output.replace(output.find("5000"), 4, "0");
  output.replace(output.find("\"write\" : {\"total_ios\" : 0"), 25,
                 "\"write\" : {\"total_ios\" : 9");
  const absl::StatusOr<FioResult> result = ParseFioOutput(output);
  ASSERT_OK(result);
  EXPECT_EQ(result->ios_per_second, 0);
}

TEST(FioTest, AnythingElseIsRefused) {
  std::string idle = kFioOutput;
  idle.replace(idle.find("5000"), 4, "0");
  for (const std::string& output :
       {std::string(), std::string("{"), std::string("{\"jobs\" : []}"),
        std::string("{\"jobs\" : [{\"read\" : {}}]}"),
        std::string("fio: command not found"), idle}) {
    EXPECT_EQ(ParseFioOutput(output).status().code(),
              absl::StatusCode::kInvalidArgument)
        << output;
  }
}

TEST(DeviceCountersTest, ReadsTheLineOfTheDevice) {
  const std::string text =
      "   7       0 loop0 1 2 3 4 5 6 7 8 9 10 11\n"
      " 254       0 vda 206192 7185 5663474 29497 29906 20476 12323024 40108\n"
      " 254       1 vda1 12 0 96 1 0 0 0 0\n";
  const auto whole = ParseDiskStats(text, 254, 0);
  ASSERT_TRUE(whole.has_value());
  EXPECT_EQ(whole->reads, 206192);
  EXPECT_EQ(whole->bytes_read, uint64_t{5663474} * 512);
  EXPECT_EQ(ParseDiskStats(text, 254, 1)->reads, 12);
  EXPECT_FALSE(ParseDiskStats(text, 8, 0).has_value());
  EXPECT_FALSE(ParseDiskStats("254 0 vda\n", 254, 0).has_value());
  EXPECT_EQ(CountersOfDevice("/nowhere").reads, 0);
}

TEST(MemoryCgroupTest, FindsTheController) {
  const std::string v1 = "cgroup /c/memory cgroup rw,relatime,memory 0 0\n";
  const std::string v2 = "cgroup2 /c/unified cgroup2 rw,relatime 0 0\n";
  const std::string other =
      "cgroup /c/cpu cgroup rw,cpu 0 0\nproc /proc proc rw 0 0\n";
  EXPECT_FALSE(FindMemoryController("").has_value());
  EXPECT_FALSE(FindMemoryController(other).has_value());
  // The first version's is in use where it is mounted.
  for (const std::string& mounts : {v1 + v2, v2 + v1, other + v1}) {
    const auto found = FindMemoryController(mounts);
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->path, "/c/memory");
    EXPECT_TRUE(found->is_v1);
  }
  const auto found = FindMemoryController(other + v2);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->path, "/c/unified");
  EXPECT_FALSE(found->is_v1);
}

TEST(MemoryCgroupTest, LimitsAndGoesAway) {
  constexpr uint64_t kLimit = uint64_t{32} << 20;
  auto group = MemoryCgroup::Create("quire-limits-test", kLimit);
  if (!group.ok()) {
    GTEST_SKIP() << group.status().message();
  }
  const std::string path = (*group)->path();
  const bool v1 = absl::EndsWith(path, "/memory/quire-limits-test");
  const std::string limit =
      testing::ReadFile(path + (v1 ? "/memory.limit_in_bytes" : "/memory.max"));
  EXPECT_EQ(limit, std::to_string(kLimit) + "\n");
  EXPECT_THAT(testing::ReadFile(path + "/cgroup.procs"), IsEmpty());
  EXPECT_EQ((*group)->AddProcess(-1).code(),
            absl::StatusCode::kFailedPrecondition);
  group->reset();
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace quire::benchmarks
