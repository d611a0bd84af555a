#include "benchmarks/measures.h"

#include <algorithm>

#include "base/check.h"

namespace quire::benchmarks {
namespace {

constexpr double kNanos = 1e9;
constexpr double kMicros = 1e6;
constexpr double kMillis = 1e3;
constexpr double kKibibytes = 1.0 / 1024;

// In the order of Measure.
constexpr MeasureInfo kInfos[] = {
    {"open_hot_s", "open, hot", "ms", kMillis, 2, true},
    {"get_hot_s", "random Get, hot", "ns", kNanos, 0, true},
    {"get_absent_s", "random Get, absent keys", "ns", kNanos, 0, true},
    {"multiget_hot_s", "MultiGet, hot", "ns/key", kNanos, 0, true},
    {"scan_forward_s", "scan forward, hot", "ns/entry", kNanos, 0, true},
    {"scan_reverse_s", "scan in reverse, hot", "ns/entry", kNanos, 0, true},
    {"scan_keys_s", "scan of keys only, hot", "ns/entry", kNanos, 0, true},
    {"open_cold_s", "open, cold", "ms", kMillis, 2, true},
    {"get_cold_s", "random Get, cold", "us", kMicros, 1, true},
    {"get_cold_bytes", "read from the device for it", "KiB", kKibibytes, 1,
     false},
    {"multiget_cold_s", "MultiGet, cold", "us/key", kMicros, 1, true},
};
static_assert(std::size(kInfos) == kMeasureCount);

}  // namespace

const MeasureInfo& GetMeasureInfo(Measure measure) {
  return kInfos[static_cast<size_t>(measure)];
}

double Samples::Median(Measure measure) const {
  std::vector<double> sorted = samples_[static_cast<size_t>(measure)];
  QUIRE_CHECK(!sorted.empty());
  std::sort(sorted.begin(), sorted.end());
  const size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle]
                                : (sorted[middle - 1] + sorted[middle]) / 2;
}

}  // namespace quire::benchmarks
