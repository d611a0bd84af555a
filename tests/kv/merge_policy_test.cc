#include "kv/internal/merge_policy.h"

#include <cmath>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/seed.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::TestSeed;
using ::testing::ElementsAre;

std::optional<MergeRange> Choose(const std::vector<uint64_t>& weights,
                                 const std::vector<size_t>& busy = {},
                                 double overwriting = 1) {
  std::vector<MergeCandidate> runs;
  for (const uint64_t weight : weights) {
    runs.push_back({.weight = weight,
                    .table_bytes = weight / 4,
                    .overwriting = overwriting});
  }
  for (const size_t i : busy) runs[i].busy = true;
  return ChooseMerge(runs);
}

TEST(ChooseMergeTest, OneRunOrNoneIsLeftAlone) {
  EXPECT_EQ(Choose({}), std::nullopt);
  EXPECT_EQ(Choose({100}), std::nullopt);
}

TEST(ChooseMergeTest, TheOldestJoinsAtAQuarter) {
  EXPECT_EQ(Choose({24, 100}), std::nullopt);
  EXPECT_EQ(Choose({25, 100}), (MergeRange{0, 2}));
  EXPECT_EQ(Choose({3, 22, 100}), (MergeRange{0, 3}));
}

TEST(ChooseMergeTest, TheOldestJoinsSoonerTheSmallerItsTable) {
  const auto joins_at = [](uint64_t table_bytes) {
    for (uint64_t newer = 1;; ++newer) {
      const std::vector<MergeCandidate> runs = {
          {.weight = newer}, {.weight = 1000, .table_bytes = table_bytes}};
      if (ChooseMerge(runs).has_value()) return newer;
    }
  };
  EXPECT_EQ(joins_at(500), 250u);
  EXPECT_EQ(joins_at(100), 200u);
  EXPECT_EQ(joins_at(7), 100u);
}

TEST(ChooseMergeTest, TheOldestJoinsAsOthersIfNothingIsOverwritten) {
  const auto joins_at = [](double overwriting) {
    for (uint64_t newer = 1;; ++newer) {
      const std::vector<MergeCandidate> runs = {
          {.weight = newer, .overwriting = overwriting},
          {.weight = 1000, .table_bytes = 250}};
      if (ChooseMerge(runs).has_value()) return newer;
    }
  };
  EXPECT_EQ(joins_at(0), 500u);
  EXPECT_EQ(joins_at(0.5), 500u);
  EXPECT_EQ(joins_at(0.8), 313u);
  EXPECT_EQ(joins_at(1), 250u);
}

TEST(ChooseMergeTest, OthersJoinAtAHalf) {
  EXPECT_EQ(Choose({49, 100, 10000}), std::nullopt);
  EXPECT_EQ(Choose({50, 100, 10000}), (MergeRange{0, 2}));
}

TEST(ChooseMergeTest, TakesAllThatAreDue) {
  EXPECT_EQ(Choose({10, 10, 30, 90, 10000}), (MergeRange{0, 4}));
  // The second is not due by itself, but the third is with it.
  EXPECT_EQ(Choose({10, 50, 100, 10000}), (MergeRange{0, 3}));
}

TEST(ChooseMergeTest, LeavesBusyRunsAlone) {
  EXPECT_EQ(Choose({10, 10, 10, 10}, {0}), (MergeRange{1, 3}));
  EXPECT_EQ(Choose({10, 10, 10, 10}, {2, 3}), (MergeRange{0, 2}));
  EXPECT_EQ(Choose({10, 10, 10}, {1}), std::nullopt);
}

TEST(ChooseMergeTest, RunsOfNoWeightGo) {
  EXPECT_EQ(Choose({0, 0, 100}), (MergeRange{0, 2}));
}

// Plays the life of a database: each round a run comes, and whatever is due is
// merged at once, with some of it being overwritten.
TEST(ChooseMergeTest, TheNumberOfRunsStaysWithinTheStatedBound) {
  const uint64_t seed = TestSeed();
  for (uint64_t round = 0; round < 20; ++round) {
    SCOPED_TRACE(::testing::Message()
                 << "QUIRE_TEST_SEED=" << seed << " round " << round);
    std::mt19937_64 random(seed + round);
    const double overwriting = round % 2 == 0 ? 1 : 0;
    std::vector<uint64_t> weights;
    for (int i = 0; i < 3000; ++i) {
      weights.insert(weights.begin(), 1000 + random() % 5000);
      while (const std::optional<MergeRange> due =
                 Choose(weights, {}, overwriting)) {
        ASSERT_GE(due->count, 2u);
        const auto first = weights.begin() + static_cast<ptrdiff_t>(due->first);
        uint64_t sum = 0;
        for (size_t j = 0; j < due->count; ++j) sum += first[j];
        weights.insert(
            weights.erase(first, first + static_cast<ptrdiff_t>(due->count)),
            sum - sum / 20 * (random() % 5));
      }
      double total = 0;
      for (const uint64_t weight : weights) total += weight;
      ASSERT_LE(weights.size(),
                1 + std::log(total / static_cast<double>(weights.front())) /
                        std::log(3.0));
    }
  }
}

SegmentUse Use(uint64_t length, uint64_t live, uint64_t first_sequence = 1,
               uint64_t idle = 0) {
  return {.length = length,
          .first_sequence = first_sequence,
          .live_bytes = live,
          .idle_tombstone_bytes = idle};
}

TEST(DeadShareTest, IsSmallerTheLessTheTableCosts) {
  EXPECT_DOUBLE_EQ(DeadShare(0, 0), kLeastDeadShare);
  EXPECT_DOUBLE_EQ(DeadShare(1, 1000), kLeastDeadShare);
  EXPECT_DOUBLE_EQ(DeadShare(100, 900), 0.2);
  EXPECT_DOUBLE_EQ(DeadShare(500, 500), kMostSpareShare);
}

TEST(ChooseRewritesTest, SegmentsWithoutLiveRecordsGo) {
  const std::vector<SegmentUse> segments = {Use(100, 100), Use(100, 0)};
  EXPECT_THAT(ChooseRewrites(segments, 0.25, false, 0),
              ElementsAre(false, true));
}

TEST(ChooseRewritesTest, OnlyTheStatedShareOfDeadBytesIsLeft) {
  EXPECT_THAT(ChooseRewrites({{Use(1200, 1000)}}, 0.2, false, 10000),
              ElementsAre(false));
  EXPECT_THAT(ChooseRewrites({{Use(1201, 1000)}}, 0.2, false, 10000),
              ElementsAre(true));
  // The one with the larger part dead is enough.
  EXPECT_THAT(ChooseRewrites({{Use(100, 85), Use(200, 100), Use(100, 100)}},
                             0.25, false, 1000),
              ElementsAre(false, true, false));
}

TEST(ChooseRewritesTest, TheBudgetBoundsWhatIsRead) {
  const std::vector<SegmentUse> segments = {Use(100, 10), Use(100, 20),
                                            Use(100, 30)};
  EXPECT_THAT(ChooseRewrites(segments, 0.25, false, 200),
              ElementsAre(true, true, false));
  // At least one, or a segment larger than the budget would stay for ever.
  EXPECT_THAT(ChooseRewrites(segments, 0.25, false, 50),
              ElementsAre(true, false, false));
}

TEST(ChooseRewritesTest, IdleTombstonesGoFromTheOldestSegmentOn) {
  const std::vector<SegmentUse> segments = {Use(1000, 1000, 300, 600),
                                            Use(1000, 1000, 100, 900),
                                            Use(1000, 1000, 200, 100)};
  EXPECT_THAT(ChooseRewrites(segments, 0.25, true, 10000),
              ElementsAre(false, true, false));
  EXPECT_THAT(ChooseRewrites(segments, 0.25, false, 10000),
              ElementsAre(false, false, false));
}

TEST(TombstoneHorizonTest, IsWhereTheOldestSegmentThatStaysBegins) {
  const std::vector<SegmentUse> segments = {Use(10, 10, 300), Use(10, 10, 100),
                                            Use(10, 10, 200)};
  EXPECT_EQ(TombstoneHorizon(segments, {false, true, false}, true), 200u);
  EXPECT_EQ(TombstoneHorizon(segments, {true, true, true}, true), UINT64_MAX);
  EXPECT_EQ(TombstoneHorizon(segments, {true, true, true}, false), 0u);
}

}  // namespace
}  // namespace quire::kv_internal
