#include "benchmarks/mode_report.h"

#include <string>
#include <utility>
#include <vector>

#include "benchmarks/measures.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace quire::benchmarks {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ModeResult Result(io::ReadMode mode, EffectiveProvider effective,
                  double seconds) {
  ModeResult result = {
      .mode = mode, .effective = std::move(effective), .samples = {}};
  for (size_t i = 0; i < kMeasureCount; ++i) {
    result.samples.Add(static_cast<Measure>(i), seconds);
  }
  return result;
}

TEST(SamplesTest, MedianOfOddAndEvenCounts) {
  Samples samples;
  samples.Add(Measure::kGetHot, 9);
  EXPECT_EQ(samples.Median(Measure::kGetHot), 9);
  samples.Add(Measure::kGetHot, 1);
  EXPECT_EQ(samples.Median(Measure::kGetHot), 5);
  samples.Add(Measure::kGetHot, 2);
  EXPECT_EQ(samples.Median(Measure::kGetHot), 2);
  EXPECT_EQ(samples.Of(Measure::kGetHot).size(), 3u);
  EXPECT_EQ(samples.Of(Measure::kGetCold).size(), 0u);
}

TEST(ModeReportTest, RatiosAreTimesFasterThanPread) {
  ModeReport report;
  report.entries = 1'000'000;
  report.load_s = 1.5;
  report.close_s = 0.5;
  report.multiget_keys = 32;
  report.modes.push_back(
      Result(io::ReadMode::kPread, {"pread", "preadv"}, 1200e-9));
  report.modes.push_back(Result(io::ReadMode::kMmap, {"mmap", ""}, 480e-9));
  const std::string table = ModeReportToTable(report);
  EXPECT_THAT(
      table, HasSubstr("random Get, hot, ns                       1,200        "
                       "      480   2.50x\n"));
  EXPECT_THAT(table, HasSubstr("MultiGet(32), hot, ns/key"));
  EXPECT_THAT(table,
              HasSubstr("load to closed (once), 1000 keys/s          500       "
                        "      same\n"));
  EXPECT_THAT(table, HasSubstr("preadv"));
  EXPECT_THAT(table, Not(HasSubstr("effective pread")));
}

TEST(ModeReportTest, FallbacksAreExplained) {
  ModeReport report;
  report.load_s = 1;
  report.modes.push_back(Result(io::ReadMode::kDirect,
                                {"buffered (no O_DIRECT)", "io_uring"}, 1e-6));
  const std::string table = ModeReportToTable(report);
  EXPECT_THAT(table, HasSubstr("direct: effective buffered (no O_DIRECT)\n"));
  // There is no pread to compare with.
  EXPECT_THAT(table, Not(HasSubstr("x\n")));
}

TEST(ModeReportTest, JsonHasEveryRound) {
  ModeReport report;
  report.modes.push_back(
      Result(io::ReadMode::kDirect, {"direct", "io_uring"}, 2e-6));
  report.modes[0].samples.Add(Measure::kGetHot, 4e-6);
  const nlohmann::ordered_json json = ModeReportToJson(report);
  const auto& get = json["modes"][0]["measures"]["get_hot_s"];
  EXPECT_EQ(get["rounds"], (std::vector<double>{2e-6, 4e-6}));
  EXPECT_DOUBLE_EQ(get["median"], 3e-6);
  EXPECT_EQ(json["modes"][0]["effective_engine"], "io_uring");
}

}  // namespace
}  // namespace quire::benchmarks
