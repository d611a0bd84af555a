// Loops of reads that are timed and whose every answer is checked, outside of
// the time. All read through a Reader.
#ifndef QUIRE_BENCHMARKS_COMPARE_READ_LOOPS_H_
#define QUIRE_BENCHMARKS_COMPARE_READ_LOOPS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "benchmarks/compare/engine.h"
#include "benchmarks/compare/key_space.h"

namespace quire::benchmarks {

// What one loop did, and what its calls took.
struct LoopTime {
  uint64_t keys = 0;
  double seconds = 0;
  double cpu_seconds = 0;  // of the process; 0 unless asked for

  double ns_per_key() const {
    return seconds * 1e9 / static_cast<double>(keys);
  }
};

// Numbers of keys, one a call.
using NumberSource = absl::FunctionRef<uint64_t()>;

// What is read, and for how long: each loop ends at the first block of keys
// after `seconds` of reading.
struct LoopPlan {
  Reader& reader;
  const KeySpace& keys;
  double seconds;
  // Costs two system calls for 64 keys, or one MultiGet.
  bool with_cpu = false;
};

enum class GetKind : uint8_t {
  kPlain,   // Reader::Get
  kCopy,    // Reader::GetCopy
  kAbsent,  // Reader::Get of keys that aren't there, though they are of the
            // same size as those that are, and between them
};

// DataLoss naming the key for a wrong answer; the reader's error if it failed.
absl::StatusOr<LoopTime> TimeGets(const LoopPlan& plan, GetKind kind,
                                  NumberSource next);

// `batch` keys a call.
absl::StatusOr<LoopTime> TimeMultiGets(const LoopPlan& plan, size_t batch,
                                       NumberSource next);

// `depth` keys under way; as many as have been answered are asked for again.
// All of the loop counts, since the device works all along. Unimplemented where
// the reader knows no such reads.
absl::StatusOr<LoopTime> TimeAsyncReads(const LoopPlan& plan, size_t depth,
                                        NumberSource next);

// Everything once, whatever plan.seconds; the scan must give `expected`.
absl::StatusOr<LoopTime> TimeScan(const LoopPlan& plan, ScanOrder order,
                                  const ScanSums& expected);

// Reads each key once, so that everything is in memory; checks it, times
// nothing.
absl::Status ReadAll(Reader& reader, const KeySpace& keys);

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_COMPARE_READ_LOOPS_H_
