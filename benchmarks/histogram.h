// How long operations took: counts in buckets that are narrow enough for the
// far percentiles.
#ifndef QUIRE_BENCHMARKS_HISTOGRAM_H_
#define QUIRE_BENCHMARKS_HISTOGRAM_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace quire::benchmarks {

// Durations in nanoseconds. Each power of two is cut into 64 buckets, so a
// percentile is within 1.6 % of the truth; below 128 ns it is exact. (The
// layout is that of Gil Tene's HdrHistogram.) Adding costs a few nanoseconds.
// Not thread-safe; one per thread, merged at the end.
class Histogram {
 public:
  // Buckets that one power of two is cut into.
  static constexpr int kSubBucketBits = 6;

  void Add(uint64_t nanoseconds);
  void Merge(const Histogram& other);

  uint64_t count() const { return count_; }
  // Smallest and largest, exact; 0 if empty.
  uint64_t min() const { return count_ == 0 ? 0 : min_; }
  uint64_t max() const { return max_; }
  double Mean() const;
  double StandardDeviation() const;

  // The duration that `percent` of all don't exceed, interpolated within its
  // bucket and never outside of [min(), max()]; 0 if empty.
  // REQUIRES: 0 <= percent <= 100.
  double Percentile(double percent) const;

  // Summary, percentiles P50 P75 P99 P99.9 P99.99 and a bar for each power of
  // two, in microseconds, several lines.
  std::string ToText() const;

 private:
  static constexpr uint64_t kSubBuckets = uint64_t{1} << kSubBucketBits;
  static constexpr size_t kBuckets = (64 - kSubBucketBits + 1) * kSubBuckets;

  static size_t BucketOf(uint64_t value);
  // First value of bucket `bucket`; that of bucket + 1 is its end.
  static double BucketStart(size_t bucket);

  uint64_t count_ = 0;
  uint64_t min_ = UINT64_MAX;
  uint64_t max_ = 0;
  double sum_ = 0;
  double sum_of_squares_ = 0;
  std::array<uint64_t, kBuckets> counts_ = {};
};

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_HISTOGRAM_H_
