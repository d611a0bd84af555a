// overwrite: a database whose values are written over and over, and what that
// costs in disk space and in bytes written.
#ifndef QUIRE_BENCHMARKS_OVERWRITE_H_
#define QUIRE_BENCHMARKS_OVERWRITE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kv/options.h"

namespace quire::benchmarks {

struct OverwriteOptions {
  uint64_t num = 2'000'000;  // keys, of 16 bytes
  uint64_t value_size = 100;
  uint64_t factor = 20;  // records written over, in times of `num`
  uint64_t batch = 10;   // entries of one batch
  uint64_t seed = 0;
  bool seed_drawn = true;
  std::string db;  // directory; removed at the end unless `keep`
  bool keep = false;
  Options open;
  bool help = false;
};

// Reads the command line without the program's name. InvalidArgument naming the
// flag that is unknown or malformed.
absl::StatusOr<OverwriteOptions> ParseOverwriteOptions(
    std::span<const std::string> words);

// What --help prints.
std::string OverwriteHelp();

// What was measured while records were written over.
struct OverwriteResult {
  // Bytes of the stored records of all keys, and of one index over them.
  uint64_t live_bytes = 0;
  // Bytes of disk that the directory took, sampled every few milliseconds,
  // weighted by what was written in between.
  double mean_disk_bytes = 0;
  uint64_t peak_disk_bytes = 0;
  // Keys and values handed to the database, and what it wrote for them.
  uint64_t payload_bytes = 0;
  uint64_t log_bytes = 0;
  uint64_t table_bytes = 0;
  uint64_t rewritten_bytes = 0;
  uint64_t manifest_bytes = 0;
  uint64_t most_runs = 0;
  uint64_t merges = 0;
  double seconds = 0;
  double stall_seconds = 0;
  double longest_write_seconds = 0;  // of one batch
  uint64_t values_checked = 0;

  double WriteAmplification() const;
};

// Loads, writes over, checks all along that reads give what was written last,
// and removes the database. DataLoss for a wrong value.
absl::StatusOr<OverwriteResult> RunOverwrite(const OverwriteOptions& options);

// The result as a table.
std::string OverwriteTable(const OverwriteOptions& options,
                           const OverwriteResult& result);

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_OVERWRITE_H_
