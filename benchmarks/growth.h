// growth: how the costs of a database grow with the number of its keys.
#ifndef QUIRE_BENCHMARKS_GROWTH_H_
#define QUIRE_BENCHMARKS_GROWTH_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kv/options.h"

namespace quire::benchmarks {

struct GrowthOptions {
  // Numbers of keys, of 16 bytes; a database for each.
  std::vector<uint64_t> sizes = {1'000'000, 4'000'000, 16'000'000, 64'000'000};
  std::vector<ReadMode> modes = {ReadMode::kDirect, ReadMode::kMmap};
  uint64_t value_size = 32;
  uint64_t load_batch = 100;  // entries
  uint64_t reads = 500'000;   // hot Gets of a round, and as many absent ones
  uint64_t rounds = 5;
  uint64_t seed = 0;
  bool seed_drawn = true;
  std::string db;  // directory; every database is removed before the next
  Options open;
  std::string json;  // file; empty: none
  bool help = false;
};

// Reads the command line without the program's name. InvalidArgument naming the
// flag that is unknown or malformed.
absl::StatusOr<GrowthOptions> ParseGrowthOptions(
    std::span<const std::string> words);

// What --help prints.
std::string GrowthHelp();

// Loads, measures and removes a database of each size, then prints the table.
// DataLoss for a wrong value.
absl::Status RunGrowth(const GrowthOptions& options);

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_GROWTH_H_
