// Quire's columns of the fault table: whatever is broken, each entry is right
// or an error.

#include <string>

#include "gtest/gtest.h"
#include "tests/torture/faults/fault_table.h"
#include "tests/torture/faults/quire_subjects.h"

namespace quire::torture {
namespace {

class QuireFaultsTest : public ::testing::TestWithParam<size_t> {
 protected:
  const Subject subject_ = QuireSubjects()[GetParam()];
};

TEST_P(QuireFaultsTest, EveryRowIsClean) {
  const std::string why_not = WhyNoFaultTable();
  if (!why_not.empty()) GTEST_SKIP() << why_not;
  for (const FaultRow& row : FaultRows()) {
    const Tally tally = row.run(subject_, 1);
    EXPECT_TRUE(tally.clean()) << row.name << ": " << tally.Text();
    EXPECT_NE(tally.Text(), "-") << row.name;
  }
}

INSTANTIATE_TEST_SUITE_P(AllModes, QuireFaultsTest,
                         ::testing::Range<size_t>(0, 4));

TEST(TallyTest, TellsWhatIsLostWithoutAWord) {
  Tally tally;
  EXPECT_EQ(tally.Text(), "-");
  tally.Add("right");
  EXPECT_EQ(tally.Text(), "right");
  tally.Add("error");
  tally.Add("error");
  EXPECT_EQ(tally.Text(), "error 2; right 1");
  EXPECT_TRUE(tally.clean());
  tally.Add("missing", 5);
  tally.Add("missing", 3);
  EXPECT_EQ(tally.Text(), "error 2; missing 2 (up to 5 lost); right 1");
  EXPECT_FALSE(tally.clean());
  Tally dead;
  dead.Add("killed by Bus error");
  EXPECT_FALSE(dead.clean());
}

}  // namespace
}  // namespace quire::torture
