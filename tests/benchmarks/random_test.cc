#include "benchmarks/random.h"

#include <cstdint>
#include <vector>

#include "gtest/gtest.h"

namespace quire::benchmarks {
namespace {

// The numbers that the authors of the generator publish for this seed.
TEST(RandomTest, IsSplitMix64) {
  Random random(1234567);
  EXPECT_EQ(random.Next(), 6457827717110365317u);
  EXPECT_EQ(random.Next(), 3203168211198807973u);
  EXPECT_EQ(random.Next(), 9817491932198370423u);
}

TEST(RandomTest, UniformCoversItsRange) {
  Random random(1);
  std::vector<int> seen(10);
  for (int i = 0; i < 10'000; ++i) ++seen.at(random.Uniform(10));
  for (const int count : seen) EXPECT_NEAR(count, 1000, 150);
  EXPECT_EQ(random.Uniform(1), 0u);
}

TEST(RandomTest, DrawnSeedsDiffer) { EXPECT_NE(DrawSeed(), DrawSeed()); }

TEST(RandomTest, StreamsDiffer) {
  EXPECT_NE(StreamSeed(1, 0), StreamSeed(1, 1));
  EXPECT_NE(StreamSeed(1, 0), StreamSeed(2, 0));
  EXPECT_EQ(StreamSeed(1, 1), StreamSeed(1, 1));
}

class PermutationTest : public ::testing::TestWithParam<uint64_t> {};

TEST_P(PermutationTest, VisitsEveryNumberOnce) {
  const Permutation permutation(GetParam(), 42);
  std::vector<bool> seen(GetParam());
  for (uint64_t i = 0; i < GetParam(); ++i) {
    const uint64_t number = permutation(i);
    ASSERT_LT(number, GetParam());
    ASSERT_FALSE(seen[number]) << number << " twice";
    seen[number] = true;
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, PermutationTest,
                         ::testing::Values(1, 2, 3, 4, 5, 63, 64, 65, 1000,
                                           65'536, 100'003));

TEST(PermutationTest, LooksRandomAndFollowsTheSeed) {
  constexpr uint64_t kSize = 10'000;
  const Permutation first(kSize, 1);
  const Permutation again(kSize, 1);
  const Permutation other(kSize, 2);
  int same_as_other = 0;
  int rising = 0;
  for (uint64_t i = 0; i + 1 < kSize; ++i) {
    EXPECT_EQ(first(i), again(i));
    same_as_other += first(i) == other(i);
    rising += first(i) < first(i + 1);
  }
  EXPECT_LT(same_as_other, 20);
  EXPECT_NEAR(rising, static_cast<double>(kSize) / 2, 300);
}

}  // namespace
}  // namespace quire::benchmarks
