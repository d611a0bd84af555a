#include "cache/placement_hints.h"

#include "cache/page_entry.h"
#include "gtest/gtest.h"

namespace quire::cache {
namespace {

TEST(PlacementHintsTest, OneLookIsNotTrusted) {
  PlacementHints hints(2000);
  EXPECT_EQ(hints.Guess(0), kNoFrame);
  hints.Learn(7, 1007);
  EXPECT_EQ(hints.Guess(7), kNoFrame);
}

TEST(PlacementHintsTest, LooksThatAgreeTellOfTheWholeStretch) {
  PlacementHints hints(2000);
  hints.Learn(7, 1007);
  hints.Learn(100, 1100);
  EXPECT_EQ(hints.Guess(0), 1000u);
  EXPECT_EQ(hints.Guess(7), 1007u);
  EXPECT_EQ(hints.Guess(511), 1511u);
  EXPECT_EQ(hints.Guess(512), kNoFrame);
}

TEST(PlacementHintsTest, TheLastPageHasAStretch) {
  PlacementHints hints(513);
  hints.Learn(512, 3);
  hints.Learn(512, 3);
  EXPECT_EQ(hints.Guess(512), 3u);
}

TEST(PlacementHintsTest, AFrameMayBeNearerToTheArenasBeginThanItsPage) {
  PlacementHints hints(2000);
  hints.Learn(100, 3);
  hints.Learn(101, 4);
  EXPECT_EQ(hints.Guess(102), 5u);
  EXPECT_EQ(hints.Guess(97), 0u);
}

TEST(PlacementHintsTest, ALookThatDisagreesEndsTheTrust) {
  PlacementHints hints(2000);
  hints.Learn(1, 11);
  hints.Learn(2, 12);
  ASSERT_EQ(hints.Guess(3), 13u);
  hints.Learn(3, 90);
  EXPECT_EQ(hints.Guess(3), kNoFrame);
  hints.Learn(4, 91);
  EXPECT_EQ(hints.Guess(3), 90u);
}

}  // namespace
}  // namespace quire::cache
