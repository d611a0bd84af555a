#include "kv/internal/fault_watch.h"

#include <chrono>
#include <cstdint>

#include "gtest/gtest.h"

namespace quire::kv_internal {
namespace {

using std::chrono::microseconds;

// Batches that are read before the next one touches.
uint32_t ReadsBeforeATouch(FaultWatch& watch) {
  uint32_t reads = 0;
  while (!watch.MayTouch()) ++reads;
  return reads;
}

TEST(FaultWatchTest, BeginsWithReadingAndThenTries) {
  FaultWatch watch;
  EXPECT_EQ(ReadsBeforeATouch(watch), 8u);
  watch.Touched(32, microseconds(20));
  EXPECT_EQ(ReadsBeforeATouch(watch), 0u);
}

TEST(FaultWatchTest, SlowTriesBecomeRarer) {
  FaultWatch watch;
  ReadsBeforeATouch(watch);
  for (const uint32_t reads : {8, 16, 32, 64, 128, 256, 512, 512}) {
    watch.Touched(32, microseconds(500));
    EXPECT_EQ(ReadsBeforeATouch(watch), reads);
  }
  // A fast one begins anew.
  watch.Touched(32, microseconds(100));
  EXPECT_EQ(ReadsBeforeATouch(watch), 0u);
  watch.Touched(32, microseconds(500));
  EXPECT_EQ(ReadsBeforeATouch(watch), 0u);  // may have been an accident
  watch.Touched(32, microseconds(500));
  EXPECT_EQ(ReadsBeforeATouch(watch), 8u);
}

TEST(FaultWatchTest, SlowOnesHereAndThereAreForgiven) {
  FaultWatch watch;
  ReadsBeforeATouch(watch);
  for (int i = 0; i < 100; ++i) {
    watch.Touched(32, microseconds(i % 2 == 0 ? 20 : 500));
    EXPECT_EQ(ReadsBeforeATouch(watch), 0u);
  }
}

}  // namespace
}  // namespace quire::kv_internal
