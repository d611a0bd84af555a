#include "benchmarks/histogram.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "benchmarks/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/seed.h"

namespace quire::benchmarks {
namespace {

using ::testing::HasSubstr;

TEST(HistogramTest, EmptyIsAllZeros) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.min(), 0u);
  EXPECT_EQ(histogram.max(), 0u);
  EXPECT_EQ(histogram.Mean(), 0);
  EXPECT_EQ(histogram.StandardDeviation(), 0);
  EXPECT_EQ(histogram.Percentile(50), 0);
}

TEST(HistogramTest, SmallDurationsAreExact) {
  Histogram histogram;
  for (uint64_t value = 0; value < 128; ++value) histogram.Add(value);
  EXPECT_EQ(histogram.count(), 128u);
  EXPECT_EQ(histogram.min(), 0u);
  EXPECT_EQ(histogram.max(), 127u);
  EXPECT_DOUBLE_EQ(histogram.Mean(), 63.5);
  EXPECT_DOUBLE_EQ(histogram.Percentile(0), 0);
  EXPECT_DOUBLE_EQ(histogram.Percentile(50), 63);
  EXPECT_DOUBLE_EQ(histogram.Percentile(75), 95);
  EXPECT_DOUBLE_EQ(histogram.Percentile(100), 127);
}

TEST(HistogramTest, OneDurationIsEveryPercentile) {
  for (const uint64_t value :
       {uint64_t{0}, uint64_t{129}, uint64_t{1'000'003}, UINT64_MAX}) {
    Histogram histogram;
    histogram.Add(value);
    for (const double percent : {0.0, 50.0, 99.99, 100.0}) {
      EXPECT_DOUBLE_EQ(histogram.Percentile(percent),
                       static_cast<double>(value))
          << "P" << percent << " of " << value;
    }
  }
}

// The true value is among the sorted durations.
TEST(HistogramTest, PercentilesAreWithinABucketOfTheTruth) {
  const uint64_t seed = ::quire::testing::TestSeed();
  SCOPED_TRACE(::testing::Message() << "QUIRE_TEST_SEED=" << seed);
  Random random(seed);
  Histogram histogram;
  std::vector<uint64_t> durations;
  for (int i = 0; i < 100'000; ++i) {
    // Every magnitude from one nanosecond to some minutes.
    const uint64_t duration = random.Next() >> (27 + random.Uniform(37));
    durations.push_back(duration);
    histogram.Add(duration);
  }
  std::sort(durations.begin(), durations.end());
  for (const double percent : {1.0, 25.0, 50.0, 75.0, 99.0, 99.9, 99.99}) {
    const size_t rank = std::lround(percent / 100 * durations.size()) - 1;
    const double truth = static_cast<double>(durations[rank]);
    EXPECT_NEAR(histogram.Percentile(percent), truth, truth / 32 + 1)
        << "P" << percent;
  }
}

TEST(HistogramTest, MergedIsAsAddedToOne) {
  Histogram all;
  Histogram even;
  Histogram odd;
  for (uint64_t i = 1; i <= 1000; ++i) {
    const uint64_t value = i * i;
    all.Add(value);
    (i % 2 == 0 ? even : odd).Add(value);
  }
  even.Merge(odd);
  EXPECT_EQ(even.ToText(), all.ToText());
  even.Merge(Histogram());
  EXPECT_EQ(even.ToText(), all.ToText());
}

TEST(HistogramTest, StandardDeviation) {
  Histogram histogram;
  for (const uint64_t value : {2, 4, 4, 4, 5, 5, 7, 9}) histogram.Add(value);
  EXPECT_DOUBLE_EQ(histogram.Mean(), 5);
  EXPECT_DOUBLE_EQ(histogram.StandardDeviation(), 2);
}

TEST(HistogramTest, TextNamesThePercentilesInMicroseconds) {
  Histogram histogram;
  for (int i = 0; i < 9999; ++i) histogram.Add(100);
  histogram.Add(2'000'000);
  const std::string text = histogram.ToText();
  EXPECT_THAT(text, HasSubstr("Count: 10000  Average: 0.300"));
  EXPECT_THAT(text, HasSubstr("Min: 0.100  Median: 0.100  Max: 2000.000"));
  EXPECT_THAT(text, HasSubstr("P50: 0.100 P75: 0.100 P99: 0.100 P99.9: 0.100 "
                              "P99.99: 0.100"));
  EXPECT_THAT(text, HasSubstr("99.990%  99.990% ####################\n"));
}

}  // namespace
}  // namespace quire::benchmarks
