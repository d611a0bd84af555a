// Runs the benchmarks that the flags ask for, one after the other.
#ifndef QUIRE_BENCHMARKS_DB_BENCH_H_
#define QUIRE_BENCHMARKS_DB_BENCH_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "benchmarks/db_bench_options.h"
#include "benchmarks/machine_sheet.h"
#include "benchmarks/report.h"
#include "benchmarks/workload.h"
#include "kv/db.h"

namespace quire::benchmarks {

// Owns the database while it runs. Results go to standard output as they come,
// progress to standard error. Not thread-safe.
class DbBench {
 public:
  explicit DbBench(DbBenchOptions options);

  // Opens the database, after removing what is there unless --use_existing_db;
  // prints the header; runs all; closes; writes the JSON file. Stops at the
  // first error.
  absl::Status Run();

 private:
  absl::Status Open();
  absl::Status Close();
  // Removes the database and opens a new one.
  absl::Status Renew();
  // Prints what the results were measured on and with.
  void PrintHeader();
  absl::Status RunWorkload(const Workload& workload);
  void PrepareContext(const Workload& workload, uint64_t threads,
                      WorkloadContext* context);
  // Runs the workload on `thread_count` threads that start together; what they
  // did is in `*merged`. The first error of any thread.
  absl::Status RunThreads(const Workload& workload, WorkloadContext& context,
                          uint64_t thread_count, OpStats* merged);
  absl::Status WriteJson() const;

  const DbBenchOptions options_;
  std::vector<SheetLine> sheet_;
  std::unique_ptr<DB> db_;
  uint64_t threads_started_ = 0;  // seeds are different for each
  std::vector<BenchmarkResult> results_;
};

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_DB_BENCH_H_
