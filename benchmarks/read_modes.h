// One database, loaded once and read back in each read mode.
#ifndef QUIRE_BENCHMARKS_READ_MODES_H_
#define QUIRE_BENCHMARKS_READ_MODES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "benchmarks/common_flags.h"
#include "benchmarks/dataset.h"
#include "benchmarks/measures.h"
#include "benchmarks/mode_report.h"
#include "benchmarks/read_modes_options.h"
#include "kv/db.h"

namespace quire::benchmarks {

// Prints what it does to standard error and the table to standard output. Not
// thread-safe.
class ReadModes {
 public:
  explicit ReadModes(ReadModesOptions options);

  // Loads, measures, prints the table, writes the JSON file and, unless it is
  // to be kept, removes the database. Stops at the first error, and then
  // removes nothing.
  absl::Status Run();

 private:
  absl::Status Load();
  // Measures everything that needs warm caches in one mode, which is opened for
  // that and closed behind it.
  absl::Status MeasureHot(uint64_t round, ModeResult& result);
  // Measures everything that needs empty caches.
  absl::Status MeasureCold(uint64_t round, ModeResult& result);
  absl::Status MeasureColdGets(DB& db, uint64_t seed, ModeResult& result);
  // Opens the database and adds the time to `measure`.
  absl::StatusOr<std::unique_ptr<DB>> Open(Measure measure, ModeResult& result);
  // Drops all files of the database out of the page cache.
  absl::Status DropCaches();
  // To standard output.
  void PrintReport() const;
  void Say(const std::string& text) const;

  ReadModesOptions options_;
  const Dataset dataset_;
  ModeReport report_;
  uint64_t index_bytes_ = 0;  // memory of all hash sections
};

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_READ_MODES_H_
