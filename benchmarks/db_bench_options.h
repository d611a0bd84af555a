// The flags of db_bench.
#ifndef QUIRE_BENCHMARKS_DB_BENCH_OPTIONS_H_
#define QUIRE_BENCHMARKS_DB_BENCH_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "kv/options.h"

namespace quire::benchmarks {

struct DbBenchOptions {
  // Names of benchmarks in the order in which they run; all known.
  std::vector<std::string> benchmarks;
  uint64_t num = 1'000'000;  // keys of the database
  uint64_t reads = 0;        // reads of each thread; set to num unless given
  uint64_t threads = 1;
  uint64_t value_size = 100;
  uint64_t key_prefix = 0;
  bool histogram = false;
  bool use_existing_db = false;
  std::string db;          // directory
  double duration_s = 0;   // 0: run by counts
  uint64_t seed = 0;       // drawn unless given
  bool seed_drawn = true;  // whether it was
  std::optional<uint64_t> batch_size;
  std::string json;  // file for the results; empty: none

  // For opening the database, complete.
  Options open;

  bool help = false;
  // What to tell the user about flags that do nothing here.
  std::vector<std::string> notes;
};

// Reads the command line without the program's name. InvalidArgument naming the
// flag or benchmark that is unknown, malformed or refused.
absl::StatusOr<DbBenchOptions> ParseDbBenchOptions(
    std::span<const std::string> words);

// What --help prints.
std::string DbBenchHelp();

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_DB_BENCH_OPTIONS_H_
