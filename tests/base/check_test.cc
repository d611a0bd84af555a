#include "base/check.h"

#include "gtest/gtest.h"

namespace quire::base {
namespace {

TEST(CheckDeathTest, FalseConditionNamesItselfAndItsPlace) {
  EXPECT_DEATH(QUIRE_CHECK(1 + 1 == 3),
               "check_test\\.cc:[0-9]+: check failed: 1 \\+ 1 == 3");
}

TEST(CheckTest, TrueConditionIsEvaluatedOnce) {
  int evaluations = 0;
  QUIRE_CHECK(++evaluations > 0);
  EXPECT_EQ(evaluations, 1);
}

TEST(CheckTest, IsOneStatement) {
  bool reached_else = false;
  if (false)
    QUIRE_CHECK(true);
  else
    reached_else = true;
  EXPECT_TRUE(reached_else);
}

#ifdef NDEBUG
TEST(DcheckTest, IsNotEvaluatedWithNdebug) {
  int evaluations = 0;
  QUIRE_DCHECK(++evaluations < 0);
  EXPECT_EQ(evaluations, 0);
}
#else
TEST(DcheckDeathTest, ChecksWithoutNdebug) {
  EXPECT_DEATH(QUIRE_DCHECK(1 + 1 == 3), "check failed: 1 \\+ 1 == 3");
}
#endif

}  // namespace
}  // namespace quire::base
