// What a comparison measured, and its table.
#ifndef QUIRE_BENCHMARKS_COMPARE_COMPARISON_TABLE_H_
#define QUIRE_BENCHMARKS_COMPARE_COMPARISON_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "benchmarks/compare/engine.h"

namespace quire::benchmarks {

// In the order of the table.
enum class Workload : uint8_t {
  kLoad,
  kGet,
  kAbsent,
  kMultiGet,
  kScanForward,
  kScanReverse,
};
inline constexpr size_t kWorkloadCount = 6;

struct WorkloadInfo {
  const char* id;
  const char* title;  // with its unit
};
const WorkloadInfo& GetWorkloadInfo(Workload workload);

// One contender's numbers: nanoseconds of one key or entry, one number for each
// round; of a load there is one.
struct ContenderResult {
  const Contender* contender = nullptr;
  std::vector<double> samples[kWorkloadCount];

  // The middle one; the mean of the two in the middle. REQUIRES: there is one.
  double Median(Workload workload) const;
};

// A line for each workload, a column for each contender; behind the columns the
// ratio of the best peer's number to the best of Quire's. Lines that a peer
// wins come first, and say so.
std::string ComparisonTable(std::span<const ContenderResult> results);

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_COMPARE_COMPARISON_TABLE_H_
