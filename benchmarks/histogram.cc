#include "benchmarks/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "absl/strings/str_format.h"
#include "base/check.h"

namespace quire::benchmarks {
namespace {

double Micros(double nanoseconds) { return nanoseconds / 1000; }

}  // namespace

size_t Histogram::BucketOf(uint64_t value) {
  if (value < kSubBuckets) return value;
  const int shift =
      static_cast<int>(std::bit_width(value)) - kSubBucketBits - 1;
  // The top bit of value >> shift is bit kSubBucketBits: it counts as one more
  // power of two.
  return static_cast<size_t>(shift) * kSubBuckets + (value >> shift);
}

double Histogram::BucketStart(size_t bucket) {
  if (bucket < 2 * kSubBuckets) return static_cast<double>(bucket);
  const int shift = static_cast<int>(bucket / kSubBuckets) - 1;
  return std::ldexp(static_cast<double>(bucket % kSubBuckets + kSubBuckets),
                    shift);
}

void Histogram::Add(uint64_t nanoseconds) {
  ++counts_[BucketOf(nanoseconds)];
  ++count_;
  min_ = std::min(min_, nanoseconds);
  max_ = std::max(max_, nanoseconds);
  const double value = static_cast<double>(nanoseconds);
  sum_ += value;
  sum_of_squares_ += value * value;
}

void Histogram::Merge(const Histogram& other) {
  for (size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  sum_ += other.sum_;
  sum_of_squares_ += other.sum_of_squares_;
}

double Histogram::Mean() const {
  return count_ == 0 ? 0 : sum_ / static_cast<double>(count_);
}

double Histogram::StandardDeviation() const {
  if (count_ == 0) return 0;
  const double mean = Mean();
  // Rounding may leave a difference just below zero.
  return std::sqrt(std::max(
      0.0, sum_of_squares_ / static_cast<double>(count_) - mean * mean));
}

double Histogram::Percentile(double percent) const {
  QUIRE_CHECK(percent >= 0 && percent <= 100);
  const double wanted = static_cast<double>(count_) * percent / 100;
  double seen = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    if (counts_[i] == 0) continue;
    const double here = static_cast<double>(counts_[i]);
    if (seen + here >= wanted) {
      const double start = BucketStart(i);
      // The first buckets hold one value each.
      const double width = i < 2 * kSubBuckets ? 0 : BucketStart(i + 1) - start;
      const double value = start + width * (wanted - seen) / here;
      return std::clamp(value, static_cast<double>(min()),
                        static_cast<double>(max()));
    }
    seen += here;
  }
  return static_cast<double>(max());
}

std::string Histogram::ToText() const {
  std::string text;
  absl::StrAppendFormat(&text, "Count: %d  Average: %.3f  StdDev: %.2f\n",
                        count_, Micros(Mean()), Micros(StandardDeviation()));
  absl::StrAppendFormat(&text, "Min: %.3f  Median: %.3f  Max: %.3f\n",
                        Micros(static_cast<double>(min())),
                        Micros(Percentile(50)),
                        Micros(static_cast<double>(max())));
  absl::StrAppendFormat(
      &text,
      "Percentiles: P50: %.3f P75: %.3f P99: %.3f P99.9: %.3f P99.99: %.3f\n",
      Micros(Percentile(50)), Micros(Percentile(75)), Micros(Percentile(99)),
      Micros(Percentile(99.9)), Micros(Percentile(99.99)));
  text.append("------------------------------------------------------\n");
  uint64_t seen = 0;
  for (size_t first = 0; first < kBuckets; first += kSubBuckets) {
    uint64_t here = 0;
    for (size_t i = first; i < first + kSubBuckets; ++i) here += counts_[i];
    if (here == 0) continue;
    seen += here;
    const double percent =
        100.0 * static_cast<double>(here) / static_cast<double>(count_);
    absl::StrAppendFormat(
        &text, "[ %11.3f, %11.3f ) %9d %7.3f%% %7.3f%% %s\n",
        Micros(BucketStart(first)), Micros(BucketStart(first + kSubBuckets)),
        here, percent,
        100.0 * static_cast<double>(seen) / static_cast<double>(count_),
        std::string(static_cast<size_t>(std::lround(percent / 5)), '#'));
  }
  return text;
}

}  // namespace quire::benchmarks
