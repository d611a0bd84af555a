#include "tests/torture/ledger.h"

#include <fstream>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::torture {
namespace {

using ::quire::testing::StatusIs;
using ::quire::testing::TempDirectory;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

TEST(SeedSetTest, JoinsRangesThatTouchOrOverlap) {
  SeedSet set;
  set.Add(10, 20);
  set.Add(30, 40);
  set.Add(5, 5);
  EXPECT_THAT(set.ranges(), ElementsAre(Pair(10, 20), Pair(30, 40)));
  EXPECT_EQ(set.FirstMissing(), 0u);
  set.Add(20, 25);
  set.Add(8, 12);
  EXPECT_THAT(set.ranges(), ElementsAre(Pair(8, 25), Pair(30, 40)));
  set.Add(0, 35);
  EXPECT_THAT(set.ranges(), ElementsAre(Pair(0, 40)));
  EXPECT_EQ(set.FirstMissing(), 40u);
  EXPECT_EQ(set.size(), 40u);
  EXPECT_TRUE(set.Contains(39));
  EXPECT_FALSE(set.Contains(40));
}

TEST(LedgerTest, ComesBackFromItsFileAsItWas) {
  const TempDirectory directory;
  const std::string path = directory.path() + "/ledger.json";
  Ledger ledger;
  LedgerEntry& entry = ledger.Entry("cuts", "aa");
  entry.commit = "abc";
  entry.dirty = true;
  entry.seeds.Add(0, 7);
  entry.seeds.Add(9, 12);
  entry.seconds = 5;
  entry.outcome.counts["states"] = 1234;
  entry.outcome.failures.push_back("seed 3: \"gone\"");
  ASSERT_OK(ledger.Save(path));

  const absl::StatusOr<Ledger> loaded = Ledger::Load(path);
  ASSERT_OK(loaded);
  EXPECT_EQ(loaded->Find("cuts", "bb"), nullptr);
  const LedgerEntry* found = loaded->Find("cuts", "aa");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->commit, "abc");
  EXPECT_TRUE(found->dirty);
  EXPECT_EQ(found->seeds.ranges(), entry.seeds.ranges());
  EXPECT_EQ(found->seconds, 5u);
  EXPECT_EQ(found->outcome.counts, entry.outcome.counts);
  EXPECT_EQ(found->outcome.failures, entry.outcome.failures);
}

TEST(LedgerTest, NoFileIsAnEmptyLedgerAndAnotherFileIsNone) {
  const TempDirectory directory;
  const std::string path = directory.path() + "/ledger.json";
  const absl::StatusOr<Ledger> missing = Ledger::Load(path);
  ASSERT_OK(missing);
  EXPECT_TRUE(missing->entries().empty());
  std::ofstream(path) << "{\"entries\": [{}]}";
  EXPECT_THAT(Ledger::Load(path),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr(path)));
}

TEST(LedgerTest, ReportsTotalsOfTheRevisionAskedForOnly) {
  Programme programme;
  programme.name = "cuts";
  programme.bars = {{"states", 1000}, {"kills", 5}};
  Ledger ledger;
  ledger.Entry("cuts", "old").outcome.counts["states"] = 999'999;
  ledger.Entry("cuts", "new").outcome.counts["states"] = 1000;
  LedgerReport report = ReportOn(ledger, {programme}, "new");
  EXPECT_THAT(report.text, HasSubstr("1000 states of 1000: reached"));
  EXPECT_THAT(report.text, HasSubstr("0 kills of 5: NOT REACHED"));
  EXPECT_THAT(report.text, Not(HasSubstr("999999")));
  EXPECT_FALSE(report.failed);

  ledger.Entry("cuts", "new").outcome.failures.push_back("seed 8");
  report = ReportOn(ledger, {programme}, "new");
  EXPECT_TRUE(report.failed);
  EXPECT_THAT(report.text, HasSubstr("FAILED seed 8"));
}

TEST(LedgerTest, ReportsWhetherAllSeedsThatThereAreWereRun) {
  Programme endless;
  endless.name = "lives";
  Programme finite;
  finite.name = "sequences";
  finite.seed_count = 10;
  Ledger ledger;
  ledger.Entry("lives", "new").seeds.Add(0, 7);
  ledger.Entry("sequences", "new").seeds.Add(1, 10);
  LedgerReport report = ReportOn(ledger, {endless, finite}, "new");
  EXPECT_THAT(report.text, HasSubstr(" 7 seeds, "));
  EXPECT_THAT(report.text, HasSubstr(" 9 of 10 seeds (NOT ALL), "));
  EXPECT_FALSE(report.failed);

  ledger.Entry("sequences", "new").seeds.Add(0, 1);
  report = ReportOn(ledger, {endless, finite}, "new");
  EXPECT_THAT(report.text, HasSubstr(" 10 of 10 seeds (all), "));
}

}  // namespace
}  // namespace quire::torture
