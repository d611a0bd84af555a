// What growth measured, as a table and as JSON.
#ifndef QUIRE_BENCHMARKS_GROWTH_REPORT_H_
#define QUIRE_BENCHMARKS_GROWTH_REPORT_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"

namespace quire::benchmarks {

// One database in one read mode. Times are medians, in seconds.
struct GrowthResult {
  uint64_t keys = 0;
  std::string mode;            // in effect
  double load_s = 0;           // of the writes, until merges are done
  double open_hot_s = 0;       // with the files in the page cache
  double first_get_hot_s = 0;  // from the start of that open
  double open_cold_s = 0;      // with the files dropped from there
  double first_get_cold_s = 0;
  double get_s = 0;  // random, everything in memory
  double absent_get_s = 0;
  double cpu_share = 1;       // that the reading thread got, in its worst round
  uint64_t index_bytes = 0;   // memory of all hash sections
  uint64_t memory_bytes = 0;  // anonymous memory of the process, all keys read
  uint64_t mapped_bytes = 0;  // mapped files in its memory
  uint64_t disk_bytes = 0;
  uint64_t runs = 0;
};

// A line for each result.
std::string GrowthTable(std::span<const GrowthResult> results);

nlohmann::ordered_json GrowthToJson(std::span<const GrowthResult> results);

// The middle one of `samples`. REQUIRES: there is one.
double MedianOf(std::vector<double> samples);

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_GROWTH_REPORT_H_
