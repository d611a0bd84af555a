// Runs read_modes as its users do, at a small size.

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
    "--num=3000 --reads=500 --cold_reads=100 --rounds=2 --seed=11 "
    "--write_buffer_size=128K ";

TEST(ReadModesTest, EndsWithOneTableOfAllModes) {
  const TempDirectory directory;
  const std::string database = directory.File("parent/db");
  const ProgramResult result = RunProgram(
      "benchmarks/read_modes",
      kSmall + ("--db=" + database) + " --json=" + directory.File("json"));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out,
              AllOf(ContainsRegex("\nSeed: +11\n"),
                    ContainsRegex("read mode +pread +buffered +mmap +direct\n"),
                    ContainsRegex("\nload [^\n]* same +same +same\n"),
                    ContainsRegex("\nMultiGet\\(32\\), cold, us/key +[0-9]")));
  for (const char* const title :
       {"open, hot", "random Get, hot", "random Get, absent", "MultiGet(32), h",
        "scan forward", "scan in reverse", "scan of keys only", "open, cold",
        "random Get, cold", "read from the device"}) {
    EXPECT_THAT(result.out, HasSubstr("\n" + std::string(title)));
  }
  const auto json = nlohmann::json::parse(ReadFile(directory.File("json")));
  EXPECT_EQ(json["entries"], 3000);
  ASSERT_THAT(json["modes"], SizeIs(4));
  for (const auto& mode : json["modes"]) {
    for (const auto& [id, measure] : mode["measures"].items()) {
      // Each round opens twice with cold caches.
      EXPECT_THAT(measure["rounds"], SizeIs(id == "open_cold_s" ? 4 : 2)) << id;
    }
  }
  EXPECT_FALSE(std::filesystem::exists(database));
}

TEST(ReadModesTest, KeepsTheDatabaseAndNeverOverwritesIt) {
  const TempDirectory directory;
  const std::string flags =
      kSmall + ("--keep --modes=mmap --rounds=1 --db=" + directory.File("db"));
  EXPECT_EQ(RunProgram("benchmarks/read_modes", flags).exit_code, 0);
  const ProgramResult result = RunProgram("benchmarks/read_modes", flags);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("ALREADY_EXISTS"));
  const ProgramResult read =
      RunProgram("benchmarks/db_bench",
                 "--use_existing_db=1 --benchmarks=readrandom "
                 "--num=3000 --db=" +
                     directory.File("db"));
  EXPECT_EQ(read.exit_code, 0);
  EXPECT_THAT(read.out, HasSubstr("(3000 of 3000 found)"));
}

TEST(ReadModesTest, MistakesInTheFlagsEndWithTwo) {
  const ProgramResult result =
      RunProgram("benchmarks/read_modes", "--no_such_flag=1");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, MatchesRegex("read_modes: [^\n]*--no_such_flag.*\n"));
}

}  // namespace
}  // namespace quire::benchmarks
