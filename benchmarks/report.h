// Results of db_bench as text and as JSON.
#ifndef QUIRE_BENCHMARKS_REPORT_H_
#define QUIRE_BENCHMARKS_REPORT_H_

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "benchmarks/machine_sheet.h"
#include "benchmarks/op_stats.h"
#include "nlohmann/json.hpp"

namespace quire::benchmarks {

struct BenchmarkResult {
  std::string name;
  uint64_t threads = 1;
  OpStats stats;  // of all threads
};

// LevelDB's line: name, microseconds of a thread per operation, megabytes (of
// 2^20 bytes) of all threads per second, how many keys were found of how many
// asked for, remarks:
//
//   readrandom   :       0.512 micros/op;  215.8 MB/s (1000 of 1000 found)
//
// and behind it the histogram, if there is one. Ends with '\n'.
std::string ResultToText(const BenchmarkResult& result);

// The same numbers and more as an object.
nlohmann::ordered_json ResultToJson(const BenchmarkResult& result);

// The lines as one object, in their order.
nlohmann::ordered_json SheetToJson(std::span<const SheetLine> sheet);

// Writes `json` to the file at `path`, replacing what is there. Unavailable
// naming the file if that fails.
absl::Status WriteJsonFile(const nlohmann::ordered_json& json,
                           const std::string& path);

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_REPORT_H_
