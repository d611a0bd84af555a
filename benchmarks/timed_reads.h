// Reads that are timed and whose every answer is checked, outside of the time
// where that costs anything.
#ifndef QUIRE_BENCHMARKS_TIMED_READS_H_
#define QUIRE_BENCHMARKS_TIMED_READS_H_

#include <cstddef>
#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "benchmarks/dataset.h"
#include "kv/db.h"

namespace quire::benchmarks {

// All return seconds: of one key or entry. An answer that isn't the one written
// is DataLoss. Calls of Get and MultiGet are timed without making their keys
// and without checking.

// Numbers of keys, one a call.
using NumberSource = absl::FunctionRef<uint64_t()>;

// Gets `count` keys.
absl::StatusOr<double> TimeGets(DB& db, const Dataset& dataset, uint64_t count,
                                NumberSource next);

// Gets `count` keys that are absent though of the same size as those that are
// there, and between them.
absl::StatusOr<double> TimeAbsentGets(DB& db, uint64_t count,
                                      NumberSource next);

// Gets `count` keys, `keys_per_call` at a time.
absl::StatusOr<double> TimeMultiGets(DB& db, const Dataset& dataset,
                                     uint64_t count, size_t keys_per_call,
                                     NumberSource next);

enum class ScanDirection : uint8_t { kForward, kReverse };
enum class ScanContent : uint8_t { kKeysAndValues, kKeysOnly };

// Iterates over all. The sums over keys and values are made within the time and
// must be those of the dataset.
absl::StatusOr<double> TimeScan(DB& db, const Dataset& dataset,
                                ScanDirection direction, ScanContent content);

// Iterates over all and compares every byte; times nothing.
absl::Status CheckScan(DB& db, const Dataset& dataset, ScanDirection direction);

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_TIMED_READS_H_
