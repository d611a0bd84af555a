// Runs db_bench as its users do.

#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/benchmarks/run_program.h"
#include "tests/testing/temp_directory.h"

namespace quire::benchmarks {
namespace {

using ::quire::testing::ReadFile;
using ::quire::testing::TempDirectory;
using ::quire::testing::WriteFile;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::SizeIs;

// A line of a benchmark that timed something.
constexpr char kResultLine[] =
    "[a-zA-Z0-9]+ +: +[0-9]+\\.[0-9]{3} micros/op;( +[0-9]+\\.[0-9] MB/s)?"
    "( \\([0-9]+ of [0-9]+ found\\))?( \\(.*\\))?";

// A database in a directory of its own, and db_bench on it.
class DbBenchTest : public ::testing::Test {
 protected:
  ProgramResult Run(const std::string& arguments) {
    return RunProgram("benchmarks/db_bench",
                      "--db=" + database() + " " + arguments);
  }

  std::string database() const { return directory_.File("parent/db"); }
  std::string File(const std::string& name) const {
    return directory_.File(name);
  }

  // The lines behind the header.
  static std::vector<std::string> Results(const ProgramResult& result) {
    constexpr char kRule[] =
        "------------------------------------------------\n";
    const size_t rule = result.out.find(kRule);
    if (rule == std::string::npos) return {};
    return absl::StrSplit(result.out.substr(rule + sizeof(kRule) - 1), '\n',
                          absl::SkipEmpty());
  }

 private:
  const TempDirectory directory_;
};

TEST_F(DbBenchTest, EveryTimedBenchmarkPrintsItsLine) {
  const std::vector<std::string> names = {
      "fillseq",    "fillbatch",    "fillrandom",       "overwrite",
      "fillsync",   "fill100K",     "fillseq",          "open",
      "readseq",    "readreverse",  "readrandom",       "readmissing",
      "seekrandom", "seekordered",  "readhot",          "readrandomsmall",
      "compact",    "readrandom",   "readwhilewriting", "multireadrandom",
      "deleteseq",  "deleterandom", "readrandom",       "devicesync"};
  std::string list;
  for (const std::string& name : names) list += name + ",";
  const ProgramResult result =
      Run("--num=1000 --threads=2 --benchmarks=" + list);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::vector<std::string> lines = Results(result);
  ASSERT_THAT(lines, SizeIs(names.size())) << result.out;
  EXPECT_THAT(lines, Each(MatchesRegex(kResultLine)));
  for (size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(lines[i].substr(0, 13),
              (names[i] + std::string(12, ' '))
                  .substr(0, std::max<size_t>(12, names[i].size()))
                  .append(" ")
                  .substr(0, 13));
  }
  // What is there is found, and what was deleted isn't.
  EXPECT_THAT(lines[10], HasSubstr("(2000 of 2000 found)"));
  EXPECT_THAT(lines[11], HasSubstr("(0 of 2000 found)"));
  EXPECT_THAT(lines[17], HasSubstr("(2000 of 2000 found)"));
  EXPECT_THAT(lines[18], AllOf(HasSubstr("(2000 of 2000 found)"),
                               HasSubstr("writes beside)")));
  EXPECT_THAT(lines[19], HasSubstr("(2048 of 2048 found)"));
  EXPECT_THAT(lines[22], HasSubstr("(0 of 2000 found)"));
}

TEST_F(DbBenchTest, HeaderSaysWhatIsMeasured) {
  const ProgramResult result =
      Run("--num=10 --benchmarks=fillseq --seed=99 --read_mode=pread "
          "--block_size=4096");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(
      result.out,
      AllOf(ContainsRegex("\nCPU: +[0-9]+ \\* "),
            ContainsRegex("\nKernel: +Linux "),
            ContainsRegex("\nBuild: +assertions o"),
            ContainsRegex("\nKeys: +16 bytes each\n"),
            ContainsRegex("\nValues: +100 bytes each\n"),
            ContainsRegex("\nEntries: +10\n"),
            ContainsRegex("\nReadMode: +pread\n"),
            ContainsRegex("\nIoEngine: +[a-z]"), ContainsRegex("\nSeed: +99\n"),
            HasSubstr("Note: --block_size changes nothing: ")));
#ifndef NDEBUG
  EXPECT_THAT(result.out, HasSubstr("WARNING: Assertions are enabled"));
#endif
}

TEST_F(DbBenchTest, PrintsStatisticsAndRuns) {
  const ProgramResult result =
      Run("--num=100 --benchmarks=fillseq,compact,stats,sstables");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("\nrecords_written: 100\n"),
                                HasSubstr("100 entries, ")));
}

TEST_F(DbBenchTest, NamesThatAreNotOfferedSayWhyAndTheRestRuns) {
  const ProgramResult result =
      Run("--num=10 --benchmarks=crc32c,snappycomp,snappyuncomp,zstdcomp,"
          "zstduncomp,heapprofile,fillseq");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::vector<std::string> lines = Results(result);
  ASSERT_THAT(lines, SizeIs(7));
  EXPECT_EQ(lines[0],
            "crc32c       : not offered (Quire's checksums are XXH3: ask for "
            "xxh3)");
  for (int i = 1; i < 6; ++i) EXPECT_THAT(lines[i], HasSubstr("not offered"));
  EXPECT_THAT(lines[6], MatchesRegex(kResultLine));
}

TEST_F(DbBenchTest, UsesAnExistingDatabase) {
  ASSERT_EQ(Run("--num=100 --benchmarks=fillseq").exit_code, 0);
  const ProgramResult result =
      Run("--num=100 --use_existing_db=1 --benchmarks=fillrandom,readrandom");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(Results(result),
              ElementsAre("fillrandom   : skipped (--use_existing_db is true)",
                          HasSubstr("(100 of 100 found)")));
}

TEST_F(DbBenchTest, ReplacesAnExistingDatabaseUnlessTold) {
  ASSERT_EQ(Run("--num=100 --benchmarks=fillseq").exit_code, 0);
  const ProgramResult result = Run("--num=100 --benchmarks=readrandom");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(Results(result), ElementsAre(HasSubstr("(0 of 100 found)")));
}

TEST_F(DbBenchTest, SeedReplays) {
  const std::string arguments =
      "--num=1000 --benchmarks=fillrandom,readrandom --seed=";
  const std::string first = Results(Run(arguments + "7")).at(1);
  const std::string again = Results(Run(arguments + "7")).at(1);
  const std::string other = Results(Run(arguments + "8")).at(1);
  const auto found = [](const std::string& line) {
    return line.substr(line.find('('));
  };
  EXPECT_EQ(found(first), found(again));
  EXPECT_NE(found(first), found(other));
}

TEST_F(DbBenchTest, DurationEndsABenchmark) {
  const ProgramResult result =
      Run("--num=100 --duration=0.05 --threads=2 "
          "--benchmarks=fillseq,readseq,readrandom,readwhilewriting --json=" +
          File("json"));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto json = nlohmann::json::parse(ReadFile(File("json")));
  for (const auto& benchmark : json["results"]) {
    EXPECT_GE(benchmark["seconds"], 0.05) << benchmark["name"];
    EXPECT_GT(benchmark["operations"], 0) << benchmark["name"];
  }
}

TEST_F(DbBenchTest, HistogramAndJsonTellTheSame) {
  const ProgramResult result =
      Run("--num=500 --benchmarks=fillseq,readrandom --histogram=1 --seed=5 "
          "--json=" +
          File("json"));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("P99.99: "));
  const auto json = nlohmann::json::parse(ReadFile(File("json")));
  EXPECT_EQ(json["seed"], 5);
  EXPECT_TRUE(json["machine"].contains("CPU"));
  ASSERT_THAT(json["results"], SizeIs(2));
  EXPECT_EQ(json["results"][0]["name"], "fillseq");
  EXPECT_EQ(json["results"][1]["found"], 500);
  EXPECT_EQ(json["results"][1]["latency_ns"]["count"], 500);
  EXPECT_GT(json["results"][1]["latency_ns"]["p99.99"], 0);
}

TEST_F(DbBenchTest, EveryReadModeReadsWhatOneWrote) {
  ASSERT_EQ(Run("--num=1000 --benchmarks=fillbatch,compact").exit_code, 0);
  for (const std::string mode : {"pread", "buffered", "mmap", "direct"}) {
    const ProgramResult result = Run(
        "--num=1000 --use_existing_db=1 --cache_size=4M --read_mode=" + mode +
        " --benchmarks=readrandom,multireadrandom,readmissing,readseq");
    ASSERT_EQ(result.exit_code, 0) << mode << ": " << result.err;
    const std::vector<std::string> lines = Results(result);
    EXPECT_THAT(lines[0], HasSubstr("(1000 of 1000 found)")) << mode;
    EXPECT_THAT(lines[1], HasSubstr("(1024 of 1024 found)")) << mode;
    EXPECT_THAT(lines[2], HasSubstr("(0 of 1000 found)")) << mode;
  }
}

TEST_F(DbBenchTest, MistakesInTheFlagsEndWithTwoAndTouchNothing) {
  ASSERT_EQ(Run("--num=10 --benchmarks=fillseq").exit_code, 0);
  for (const std::string mistake : {"--no_such_flag=1", "--benchmarks=nothing",
                                    "--compression=1", "word"}) {
    const ProgramResult result = Run(mistake);
    EXPECT_EQ(result.exit_code, 2) << mistake;
    EXPECT_THAT(result.out, IsEmpty());
    EXPECT_THAT(result.err, MatchesRegex("db_bench: [^\n]+\n"));
  }
  EXPECT_EQ(Run("--num=10 --use_existing_db=1 --benchmarks=readseq").exit_code,
            0);
}

TEST_F(DbBenchTest, FailuresOfTheDatabaseEndWithOne) {
  const ProgramResult missing = Run("--use_existing_db=1 --benchmarks=readseq");
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.err,
              AllOf(HasSubstr("NOT_FOUND"), HasSubstr(database())));
  const ProgramResult unwritable =
      Run("--num=10 --benchmarks=fillseq --json=" + File("absent/json"));
  EXPECT_EQ(unwritable.exit_code, 1);
  EXPECT_THAT(unwritable.err, HasSubstr(File("absent/json")));
}

TEST_F(DbBenchTest, DoesNotRemoveWhatIsNoDatabase) {
  const std::string file = File("precious");
  WriteFile(file, "text");
  const ProgramResult result = RunProgram(
      "benchmarks/db_bench", "--benchmarks=fillseq --num=1 --db=" + file);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, Not(IsEmpty()));
  EXPECT_EQ(ReadFile(file), "text");
}

TEST_F(DbBenchTest, Help) {
  const ProgramResult result = Run("--help");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, HasSubstr("--benchmarks=NAME,..."));
}

// 500 MB of checksums take too long under a sanitizer by count.
TEST_F(DbBenchTest, ChecksumByTime) {
  const ProgramResult result = Run("--benchmarks=xxh3 --duration=0.05");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(Results(result),
              ElementsAre(AllOf(MatchesRegex(kResultLine),
                                HasSubstr("(4K per op; checksum "))));
}

}  // namespace
}  // namespace quire::benchmarks
