// A whole comparison, from the command line to the tables.
#ifndef QUIRE_BENCHMARKS_COMPARE_COMPARISON_H_
#define QUIRE_BENCHMARKS_COMPARE_COMPARISON_H_

#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "benchmarks/compare/engine.h"
#include "benchmarks/compare/options.h"
#include "benchmarks/compare/results.h"

namespace quire::benchmarks {

// Runs the scenes that `options` names with those of `contenders` that it
// names. DataLoss for a wrong value. Leaves no store behind.
absl::StatusOr<Results> RunScenes(const CompareOptions& options,
                                  std::span<const Contender> contenders);

// The same, then prints machine, tables and settings, and writes the JSON file.
absl::Status RunComparison(const CompareOptions& options,
                           std::span<const Contender> contenders);

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_COMPARE_COMPARISON_H_
