// Runs growth as its users do, at small sizes.

#include <filesystem>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/benchmarks/run_program.h"
#include "tests/testing/temp_directory.h"

namespace quire::benchmarks {
namespace {

using ::quire::testing::ReadFile;
using ::quire::testing::TempDirectory;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

constexpr char kSmall[] =
    "--reads=500 --rounds=2 --seed=11 --write_buffer_size=128K ";

TEST(GrowthTest, EndsWithOneLineForEachSizeAndMode) {
  const TempDirectory directory;
  const std::string database = directory.File("parent/db");
  const ProgramResult result = RunProgram(
      "benchmarks/growth",
      kSmall + ("--sizes=2000,8000 --modes=pread,mmap --db=" + database) +
          " --json=" + directory.File("json"));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(ContainsRegex("\nSeed: +11\n"),
                                ContainsRegex("\n +2000  pread +[0-9]"),
                                ContainsRegex("\n +2000  mmap +[0-9]"),
                                ContainsRegex("\n +8000  pread +[0-9]"),
                                ContainsRegex("\n +8000  mmap +[0-9]")));
  const auto json = nlohmann::json::parse(ReadFile(directory.File("json")));
  ASSERT_THAT(json["results"], SizeIs(4));
  for (const auto& line : json["results"]) {
    EXPECT_GE(line["runs"], 1);
    EXPECT_GT(line["open_hot_s"], 0);
    EXPECT_GT(line["first_get_hot_s"], line["open_hot_s"].get<double>() / 2);
    EXPECT_GT(line["get_s"], 0);
    EXPECT_GT(line["index_bytes_per_key"], 8);
    EXPECT_GT(line["disk_bytes_per_key"], 16 + 32);
  }
  EXPECT_FALSE(std::filesystem::exists(database));
}

TEST(GrowthTest, NeverTouchesADatabaseThatIsThere) {
  const TempDirectory directory;
  const std::string keep =
      "--num=100 --rounds=1 --reads=10 --cold_reads=10 "
      "--modes=mmap --keep --db=" +
      directory.File("db");
  ASSERT_EQ(RunProgram("benchmarks/read_modes", keep).exit_code, 0);
  const ProgramResult result =
      RunProgram("benchmarks/growth",
                 kSmall + ("--sizes=100 --db=" + directory.File("db")));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("ALREADY_EXISTS"));
  EXPECT_TRUE(std::filesystem::exists(directory.File("db/CURRENT")));
}

TEST(GrowthTest, MistakesInTheFlagsEndWithTwo) {
  for (const std::string flags :
       {"--no_such_flag=1", "--sizes=1,x", "--sizes=0", "--modes=paper"}) {
    const ProgramResult result = RunProgram("benchmarks/growth", flags);
    EXPECT_EQ(result.exit_code, 2) << flags;
    EXPECT_THAT(result.err,
                MatchesRegex("growth: [^\n]*" +
                             flags.substr(0, flags.find('=')) + ".*\n"));
  }
}

}  // namespace
}  // namespace quire::benchmarks
