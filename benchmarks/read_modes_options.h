// The flags of read_modes.
#ifndef QUIRE_BENCHMARKS_READ_MODES_OPTIONS_H_
#define QUIRE_BENCHMARKS_READ_MODES_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "kv/options.h"

namespace quire::benchmarks {

struct ReadModesOptions {
  uint64_t num = 1'000'000;  // keys, of 16 bytes
  uint64_t value_size = 100;
  uint64_t rounds = 3;
  // Operations that one round of one mode times.
  uint64_t reads = 300'000;     // hot: keys that are there, and absent ones
  uint64_t cold_reads = 2'000;  // after the caches were dropped
  uint64_t multiget_keys = 32;  // keys of one MultiGet
  uint64_t load_batch = 100;    // entries of one batch of the load
  std::vector<ReadMode> modes = {ReadMode::kPread, ReadMode::kBuffered,
                                 ReadMode::kMmap, ReadMode::kDirect};
  uint64_t seed = 0;
  bool seed_drawn = true;
  std::string db;  // directory
  bool db_given = false;
  bool keep = false;
  std::string json;  // file for the results; empty: none

  // For opening; the read mode is set for each. `provider.cache_bytes` is 0
  // unless a flag gave it: then it is chosen to exceed the data.
  Options open;

  bool help = false;
};

// Reads the command line without the program's name. InvalidArgument naming the
// flag that is unknown or malformed.
absl::StatusOr<ReadModesOptions> ParseReadModesOptions(
    std::span<const std::string> words);

// What --help prints.
std::string ReadModesHelp();

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_READ_MODES_OPTIONS_H_
