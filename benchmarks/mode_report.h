// The results of read_modes as a table and as JSON.
#ifndef QUIRE_BENCHMARKS_MODE_REPORT_H_
#define QUIRE_BENCHMARKS_MODE_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "benchmarks/common_flags.h"
#include "benchmarks/machine_sheet.h"
#include "benchmarks/measures.h"
#include "io/open_provider.h"
#include "nlohmann/json.hpp"

namespace quire::benchmarks {

// One column of the table.
struct ModeResult {
  io::ReadMode mode;
  EffectiveProvider effective;
  Samples samples;
};

struct ModeReport {
  std::vector<SheetLine> sheet;
  double load_s = 0;   // until the last write was acknowledged
  double close_s = 0;  // then until all was in runs, durable and closed
  uint64_t entries = 0;
  uint64_t disk_bytes = 0;
  uint64_t multiget_keys = 0;
  // Largest part of the files that was still in the page cache after it was
  // dropped; 0 to 1.
  double resident_after_drop = 0;
  // Smallest part of the processor that one round of hot reads got; 0 to 1.
  double cpu_share = 1;
  std::vector<ModeResult> modes;
};

// One table: a column for each mode, a line for each measure, medians, and
// behind each how many times faster than pread, where pread is a column.
std::string ModeReportToTable(const ModeReport& report);

// The same with every round's number.
nlohmann::ordered_json ModeReportToJson(const ModeReport& report);

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_MODE_REPORT_H_
