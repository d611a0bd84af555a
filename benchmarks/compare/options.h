// The command line of compare.
#ifndef QUIRE_BENCHMARKS_COMPARE_OPTIONS_H_
#define QUIRE_BENCHMARKS_COMPARE_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "benchmarks/compare/engine.h"

namespace quire::benchmarks {

struct CompareOptions {
  uint64_t data_bytes = uint64_t{576} << 20;  // keys and values of a store
  uint64_t rounds = 5;
  double read_seconds = 0.25;           // of one loop of reads
  uint64_t sustained_seconds = 60;      // of overwriting without a pause
  std::vector<std::string> scenes;      // ids; empty: all
  std::vector<std::string> contenders;  // names; empty: all
  uint64_t seed = 0;
  bool seed_drawn = true;
  // Directory that gets one of this program's own, removed at the end.
  std::string db;
  std::string json;  // file for the results; empty: none
  bool help = false;
};

// Reads the command line without the program's name. InvalidArgument naming the
// flag that is unknown or malformed, or a scene or contender that isn't known.
absl::StatusOr<CompareOptions> ParseCompareOptions(
    std::span<const std::string> words, std::span<const Contender> contenders);

// What --help prints.
std::string CompareHelp();

// Whether `name` is in `names`, or that is empty.
bool IsChosen(const std::vector<std::string>& names, std::string_view name);

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_COMPARE_OPTIONS_H_
