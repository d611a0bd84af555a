// What an open database is made of, what of it is garbage, what is in memory
// and what is kept alive by whom.
#ifndef QUIRE_KV_INTERNAL_DATABASE_REPORT_H_
#define QUIRE_KV_INTERNAL_DATABASE_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "kv/internal/database_core.h"

namespace quire::kv_internal {

// A run of the current view. Sizes are bytes.
struct RunReport {
  std::string table_path;
  uint64_t table_bytes = 0;
  uint64_t entries = 0;
  uint64_t hash_section_bytes = 0;
  bool hash_section_resident = false;
  uint64_t resident_bytes = 0;  // hash section, and fences if read
  std::vector<uint64_t> segments;
};

struct SegmentReport {
  uint64_t number = 0;
  uint64_t bytes = 0;
  uint64_t garbage_bytes = 0;  // records that no table names
  uint64_t garbage_records = 0;

  double GarbageShare() const;
};

// A snapshot or an iterator.
struct ReaderReport {
  uint64_t sequence = 0;
  double age_s = 0;
};

// What is in no current view and yet there, for readers that began earlier.
struct KeptReport {
  uint64_t views = 0;
  uint64_t memtables = 0;
  uint64_t memtable_bytes = 0;
  uint64_t files = 0;  // tables and segments
  uint64_t file_bytes = 0;
};

struct DatabaseReport {
  std::vector<RunReport> runs;          // newest first
  std::vector<SegmentReport> segments;  // of these runs, by number
  std::vector<ReaderReport> snapshots;  // by sequence number
  std::vector<ReaderReport> iterators;
  uint64_t pinned_values = 0;
  KeptReport kept;
  uint64_t index_memory_bytes = 0;  // the budget
};

// Thread-safe. Takes a lock for a copy of the list of files: not for hot paths.
DatabaseReport GatherReport(const DatabaseCore& core);

// Lines for people, each ended by '\n'.
std::string RunsText(const DatabaseReport& report);
// The sums, and segments with garbage, the worst first, the first twenty.
std::string SegmentsText(const DatabaseReport& report);
std::string IndexText(const DatabaseReport& report);
std::string OutstandingText(const DatabaseReport& report);

// Everything, as a JSON object.
std::string ReportToJson(const DatabaseReport& report);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_DATABASE_REPORT_H_
