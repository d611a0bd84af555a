// What read_modes measures, and the samples that it collects.
#ifndef QUIRE_BENCHMARKS_MEASURES_H_
#define QUIRE_BENCHMARKS_MEASURES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace quire::benchmarks {

// In the order of the table. "Hot": the data are in the caches. "Cold": they
// were dropped before.
enum class Measure : uint8_t {
  kOpenHot,
  kGetHot,
  kGetAbsent,
  kMultiGetHot,
  kScanForward,
  kScanReverse,
  kScanKeys,
  kOpenCold,
  kGetCold,
  kGetColdBytes,
  kMultiGetCold,
};

inline constexpr size_t kMeasureCount = 11;

struct MeasureInfo {
  const char* id;     // in JSON, with its unit
  const char* title;  // in the table
  const char* unit;
  double scale;  // table's number = sample * scale
  int decimals;
  bool is_time;  // less is faster
};

const MeasureInfo& GetMeasureInfo(Measure measure);

// One read mode's samples: a number for each round, in seconds an operation (or
// key, or entry) and for kGetColdBytes in bytes a key. Not thread-safe.
class Samples {
 public:
  void Add(Measure measure, double sample) {
    samples_[static_cast<size_t>(measure)].push_back(sample);
  }

  std::span<const double> Of(Measure measure) const {
    return samples_[static_cast<size_t>(measure)];
  }

  // The middle one; the mean of the two in the middle. REQUIRES: there is one.
  double Median(Measure measure) const;

 private:
  std::array<std::vector<double>, kMeasureCount> samples_;
};

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_MEASURES_H_
