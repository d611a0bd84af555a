// The same work through the public API of several stores, interleaved in one
// run.
#ifndef QUIRE_BENCHMARKS_COMPARE_COMPARISON_H_
#define QUIRE_BENCHMARKS_COMPARE_COMPARISON_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "benchmarks/compare/comparison_table.h"

namespace quire::benchmarks {

struct ComparisonOptions {
  uint64_t num = 5'000'000;  // keys, of 16 bytes
  uint64_t value_size = 100;
  uint64_t rounds = 5;
  uint64_t reads = 500'000;  // of one round, keys that are there, and absent
  uint64_t multiget_keys = 32;
  uint64_t load_batch = 100;
  std::vector<std::string> contenders;  // names; empty: all
  uint64_t seed = 0;
  bool seed_drawn = true;
  // Directory in which each store has one of its own, removed at the end.
  std::string db;
  bool db_given = false;
  std::string json;  // file for the results; empty: none
  bool help = false;
};

// Reads the command line without the program's name. InvalidArgument naming the
// flag that is unknown or malformed.
absl::StatusOr<ComparisonOptions> ParseComparisonOptions(
    std::span<const std::string> words);

// What --help prints.
std::string ComparisonHelp();

// Loads each store, then reads all in turn, round by round; checks every value
// that is read. DataLoss naming store and key for a wrong one, AlreadyExists
// for a store's directory in a `db` that was given.
absl::StatusOr<std::vector<ContenderResult>> RunComparison(
    const ComparisonOptions& options);

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_COMPARE_COMPARISON_H_
