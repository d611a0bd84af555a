// What a manifest says: the files of a database and what is known of each.
#ifndef QUIRE_KV_INTERNAL_DATABASE_STATE_H_
#define QUIRE_KV_INTERNAL_DATABASE_STATE_H_

#include <cstdint>
#include <map>
#include <vector>

#include "absl/status/status.h"
#include "kv/internal/file_header.h"
#include "kv/internal/manifest_edit.h"

namespace quire::kv_internal {

struct SegmentState {
  uint64_t number = 0;
  uint64_t id = 0;
  uint64_t previous_number = 0;  // of the segment before it in the log; 0: none
  uint64_t previous_id = 0;
  uint64_t first_sequence = 0;
  SegmentOrigin origin = SegmentOrigin::kLog;
  bool sealed = false;
  // In bytes; the file may be longer. Of an unsealed segment: where it ended
  // when the next one of the log was created; 0 if it is the last.
  uint64_t length = 0;
  // The fields below are 0 until the segment is sealed.
  uint64_t last_sequence = 0;
  uint64_t digest = 0;  // XXH3-64 of the first `length` bytes
  uint64_t garbage_bytes = 0;
  uint64_t garbage_records = 0;
  // The run that it belongs to, by the number of its table; 0: none.
  uint64_t table_number = 0;
  friend bool operator==(const SegmentState&, const SegmentState&) = default;
};

// A plain value; copies are independent. Not thread-safe.
struct DatabaseState {
  DatabaseId database_id = {};
  uint64_t hash_seed = 0;
  uint64_t next_file_number = 1;
  uint64_t last_sequence = 0;
  // The newest segment of the log that was ever named; see DatabaseCreated.
  uint64_t last_log_number = 0;
  uint64_t last_log_id = 0;
  std::map<uint64_t, SegmentState> segments;  // by number
  std::vector<RunState> runs;                 // newest (max_sequence) first
  friend bool operator==(const DatabaseState&, const DatabaseState&) = default;

  // Applies the changes in their order. DataLoss if one contradicts the state
  // (a segment that isn't known, a number taken twice, a run of segments that
  // aren't sealed, ...), naming the change; the state is then half changed and
  // good for nothing: apply to a copy where that matters.
  absl::Status Apply(const ManifestEdit& edit);

  // The edit that makes this state of an empty one: a manifest's first.
  ManifestEdit Snapshot() const;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_DATABASE_STATE_H_
