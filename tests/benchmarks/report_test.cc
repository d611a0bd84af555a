#include "benchmarks/report.h"

#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include "benchmarks/op_stats.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/status_matchers.h"

namespace quire::benchmarks {
namespace {

using ::quire::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

OpStats Finished(bool histogram, uint64_t ops, uint64_t bytes) {
  OpStats stats(histogram);
  stats.Start();
  for (uint64_t i = 0; i < ops; ++i) stats.FinishedOps();
  stats.AddBytes(bytes);
  stats.Stop();
  return stats;
}

TEST(ResultToTextTest, LevelDbLine) {
  BenchmarkResult result = {.name = "readrandom",
                            .stats = Finished(false, 1000, 1 << 20)};
  result.stats.AddFound(632, 1000);
  result.stats.AddMessage("(a remark)");
  EXPECT_THAT(ResultToText(result),
              MatchesRegex("readrandom   : +[0-9]+\\.[0-9]{3} micros/op; "
                           "+[0-9]+\\.[0-9] MB/s \\(632 of 1000 found\\) "
                           "\\(a remark\\)\n"));
}

TEST(ResultToTextTest, NothingCountedIsOneOperation) {
  const BenchmarkResult result = {.name = "compact",
                                  .stats = Finished(false, 0, 0)};
  EXPECT_THAT(ResultToText(result),
              MatchesRegex("compact      : +[0-9]+\\.[0-9]{3} micros/op;\n"));
}

TEST(ResultToTextTest, HistogramBehindTheLine) {
  const BenchmarkResult result = {.name = "fillseq",
                                  .stats = Finished(true, 10, 0)};
  EXPECT_THAT(ResultToText(result),
              HasSubstr("micros/op;\nMicroseconds per op:\nCount: 10  "));
}

TEST(OpStatsTest, MergeAddsAndKeepsTheFirstRemark) {
  OpStats first = Finished(true, 10, 100);
  OpStats second = Finished(true, 20, 200);
  second.AddFound(3, 4);
  second.AddMessage("second");
  const double seconds = first.thread_seconds() + second.thread_seconds();
  first.Merge(second);
  EXPECT_EQ(first.ops(), 30u);
  EXPECT_EQ(first.bytes(), 300u);
  EXPECT_EQ(first.found(), 3u);
  EXPECT_EQ(first.asked(), 4u);
  EXPECT_EQ(first.message(), "second");
  EXPECT_EQ(first.histogram()->count(), 30u);
  EXPECT_DOUBLE_EQ(first.thread_seconds(), seconds);
  EXPECT_GE(first.wall_seconds(), seconds);
}

TEST(OpStatsTest, ManyOperationsOfOneCallAreOneEntryOfTheHistogram) {
  OpStats stats(true);
  stats.Start();
  stats.FinishedOps(32);
  EXPECT_EQ(stats.ops(), 32u);
  EXPECT_EQ(stats.histogram()->count(), 1u);
}

TEST(WriteJsonFileTest, WritesAndReplaces) {
  const std::string path = ::testing::TempDir() + "/result.json";
  EXPECT_OK(WriteJsonFile({{"much", "that is replaced"}}, path));
  EXPECT_OK(WriteJsonFile(
      ResultToJson({.name = "x", .stats = Finished(false, 1, 0)}), path));
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_THAT(text.str(), StartsWith("{\n  \"name\": \"x\",\n"));
}

TEST(WriteJsonFileTest, ErrorNamesTheFile) {
  const std::string path = ::testing::TempDir() + "/absent/result.json";
  EXPECT_THAT(WriteJsonFile({}, path),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr(path)));
}

}  // namespace
}  // namespace quire::benchmarks
