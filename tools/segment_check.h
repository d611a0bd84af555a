// Verifying one segment against what the manifest and a table say of it.
#ifndef QUIRE_TOOLS_SEGMENT_CHECK_H_
#define QUIRE_TOOLS_SEGMENT_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "kv/internal/database_state.h"
#include "kv/internal/file_header.h"
#include "kv/internal/format.h"
#include "kv/internal/record.h"
#include "tools/file_inspector.h"
#include "tools/report.h"

namespace quire::tools {

// What a table says of a record.
struct EntryFact {
  uint64_t address = 0;  // run-local
  uint64_t offset = 0;   // in the segment
  uint64_t sequence = 0;
  uint64_t key_hash = 0;
  uint32_t segment_index = 0;  // in the table's list
  // The largest record has a little over 2^30 bytes.
  uint32_t record_bytes : 31 = 0;
  uint32_t tombstone : 1 = 0;

  uint32_t size_class() const {
    return tombstone ? kv_internal::kTombstoneClass
                     : kv_internal::SizeClass(offset, record_bytes);
  }
};

// What a run knows of a segment's records.
struct SegmentEntries {
  // Entries that point into the segment, by offset.
  std::span<const EntryFact> facts;
  // Whether those are all that the table has. If not, a record that none points
  // to is nothing to report.
  bool complete = false;
  uint64_t hash_seed = 0;
  // Whether the table has a newer version of the key.
  absl::FunctionRef<bool(uint64_t key_hash, uint64_t sequence)> has_newer;
};

// Reads the whole sealed segment and reports what is wrong: the file, its
// header, length and digest, every group and record, and, with `entries`,
// whatever an entry says that a record doesn't. Blocks; holds the segment in
// memory.
void CheckSealedSegment(FileInspector& inspector, const std::string& directory,
                        const kv_internal::DatabaseId& database_id,
                        const kv_internal::SegmentState& segment,
                        const SegmentEntries* entries, VerifyCounts& counts,
                        Report& report);

// Bytes of an image that can't be walked as a log.
struct LogDamage {
  uint64_t offset = 0;
  uint64_t size = 0;
  std::string what;
};

// Walks the image of a log file and returns what is wrong with it; counts its
// groups and records.
std::vector<LogDamage> WalkForDamage(std::span<const std::byte> image,
                                     uint64_t file_id, VerifyCounts& counts);

// Reads a file up to `length_max` bytes. Unreadable places are reported and
// zero in the result; `*unreadable` becomes true.
std::vector<std::byte> ReadForReport(InspectedFile& file,
                                     const std::string& name,
                                     uint64_t length_max, bool* unreadable,
                                     Report& report);

}  // namespace quire::tools

#endif  // QUIRE_TOOLS_SEGMENT_CHECK_H_
