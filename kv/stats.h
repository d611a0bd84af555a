// Counters and gauges of an open database.
#ifndef QUIRE_KV_STATS_H_
#define QUIRE_KV_STATS_H_

#include <cstdint>
#include <string>

#include "io/page_provider.h"

namespace quire {

// Counts since the open, and the state at the call. Gathered from per-thread
// counters: no total order between fields.
struct Stats {
  // Reads.
  uint64_t gets = 0;           // keys asked for by Get
  uint64_t multiget_keys = 0;  // by MultiGet and by read sessions
  uint64_t checksum_failures =
      0;  // records and index pages that failed verification

  // Checks that failed, and what reading the bytes again from the file showed:
  // they held then (memory or the way to it was at fault), or failed again.
  uint64_t checks_failed_in_memory = 0;
  uint64_t checks_failed_on_media = 0;

  // Writes.
  uint64_t batches_written = 0;
  uint64_t records_written = 0;
  uint64_t groups_written = 0;
  uint64_t log_bytes_written = 0;
  uint64_t table_bytes_written = 0;
  uint64_t rewritten_bytes = 0;  // of segments that merges wrote anew
  uint64_t manifest_bytes_written = 0;
  uint64_t merges = 0;
  uint64_t log_syncs = 0;
  uint64_t writer_stall_us =
      0;  // time writers waited for memtables to become runs, or for merges

  // State.
  uint64_t last_sequence = 0;     // newest visible sequence number
  uint64_t durable_sequence = 0;  // everything up to this survives a power loss
  uint64_t memtables = 0;
  uint64_t memtable_bytes = 0;
  uint64_t runs = 0;
  uint64_t segments = 0;
  uint64_t segment_bytes = 0;
  uint64_t garbage_bytes = 0;  // of those, records that no table names
  uint64_t live_bytes = 0;     // the rest of them
  uint64_t table_bytes = 0;
  uint64_t entries =
      0;  // index entries over all runs, tombstones and older versions included
  uint64_t index_resident_bytes = 0;  // memory of hash sections and fences
  uint64_t hash_section_bytes = 0;    // of all runs, resident or not
  uint64_t snapshots = 0;
  uint64_t iterators = 0;
  uint64_t pinned_values = 0;
  // What is no longer in use but by readers that began earlier, or for another
  // few milliseconds.
  uint64_t old_views = 0;  // states that such readers see
  uint64_t kept_memtable_bytes = 0;
  uint64_t kept_files = 0;  // tables and segments
  uint64_t kept_file_bytes = 0;

  io::ProviderStats provider;
};

// One "name: value" line per field, in the order above.
std::string StatsToText(const Stats& stats);

// The same as one JSON object.
std::string StatsToJson(const Stats& stats);

}  // namespace quire

#endif  // QUIRE_KV_STATS_H_
