#include "benchmarks/zipf.h"

#include <array>
#include <cmath>
#include <cstdint>

#include "benchmarks/random.h"
#include "gtest/gtest.h"

namespace quire::benchmarks {
namespace {

TEST(ZipfTest, DrawsFollowTheLaw) {
  constexpr uint64_t kSize = 1000;
  constexpr int kDraws = 1'000'000;
  for (const double theta : {0.5, 0.99}) {
    const Zipf zipf(kSize, theta);
    Random random(1);
    std::array<int, kSize> counts{};
    for (int i = 0; i < kDraws; ++i) {
      const uint64_t rank = zipf.Draw(random);
      ASSERT_LT(rank, kSize);
      ++counts[rank];
    }
    double sum = 0;
    for (uint64_t rank = 0; rank < kSize; ++rank) {
      sum += std::pow(static_cast<double>(rank + 1), -theta);
    }
    EXPECT_NEAR(counts[0], kDraws / sum, 0.05 * kDraws / sum) << theta;
    // Beyond the first two ranks the method interpolates.
    int first_tenth = 0;
    double expected = 0;
    for (uint64_t rank = 0; rank < kSize / 10; ++rank) {
      first_tenth += counts[rank];
      expected += std::pow(static_cast<double>(rank + 1), -theta) / sum;
    }
    EXPECT_NEAR(first_tenth, kDraws * expected, 0.05 * kDraws * expected);
  }
}

TEST(ZipfTest, OneRankIsAlwaysDrawn) {
  const Zipf zipf(1, 0.9);
  Random random(1);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(zipf.Draw(random), 0u);
}

}  // namespace
}  // namespace quire::benchmarks
