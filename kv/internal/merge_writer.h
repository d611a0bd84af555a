// The second pass of a merge: the new table, and copies of records.
#ifndef QUIRE_KV_INTERNAL_MERGE_WRITER_H_
#define QUIRE_KV_INTERNAL_MERGE_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kv/internal/database_core.h"
#include "kv/internal/database_state.h"
#include "kv/internal/key_range.h"
#include "kv/internal/merge_control.h"
#include "kv/internal/merge_inputs.h"
#include "kv/internal/rewrite_reader.h"
#include "kv/internal/segment_writer.h"
#include "kv/internal/survivor_cursor.h"
#include "kv/internal/table_builder.h"
#include "kv/internal/table_maker.h"

namespace quire::kv_internal {

// What the second pass is to do.
struct MergePlan {
  std::vector<uint64_t> snapshots;
  // Idle tombstones below it are dropped.
  uint64_t tombstone_horizon = 0;
  // By segment of the inputs: its records are copied, and it does not belong to
  // the new run.
  std::vector<bool> rewritten;
  // By segment: read into memory first.
  std::vector<bool> loaded;
  // No record that is copied is older.
  uint64_t first_rewritten_sequence = 0;
  std::optional<KeyRange> rewrite_range;
  // By segment: not even records in rewrite_range are copied out of it.
  std::vector<bool> left_alone;
  uint64_t segment_bytes = 0;  // length of a new segment
};

// What came of it.
struct MergeResult {
  // No run if there are no entries.
  std::optional<MadeRun> made;
  std::vector<SegmentState> new_segments;
  // By segment of the inputs that stays: records that were copied out of it.
  std::vector<uint64_t> moved_bytes;
  std::vector<uint64_t> moved_records;
};

// Used once, by one thread.
class MergeWriter {
 public:
  // All must outlive the writer.
  MergeWriter(DatabaseCore& core, const MergeInputs& inputs,
              const MergePlan& plan, MergeControl& control);

  // Writes everything; nothing is named by the manifest yet. After an error all
  // that was begun has been removed.
  absl::StatusOr<MergeResult> Write();

  // Removes what Write made.
  void RemoveFiles(const MergeResult& result);

  // After an error of Write: the segment whose record it was that could not be
  // read, if that was the reason.
  std::optional<size_t> unreadable_segment() const {
    return unreadable_segment_;
  }

 private:
  // An entry between its reading and its writing; entries leave in the order in
  // which they came.
  struct Pending {
    size_t key_begin;
    size_t key_size;
    uint64_t sequence;
    bool tombstone;
    uint32_t value_size;
    uint64_t record_bytes;
    size_t segment;   // of the inputs
    uint64_t offset;  // in it
    bool copied;      // its record is written anew
    size_t read;      // index in reader_, if copied and no tombstone
  };

  absl::Status AddEntries(TableBuilder& builder, TableJob& job);
  absl::Status AddPending(std::string_view key, const Survivor& version);
  absl::Status WritePending(TableBuilder& builder);
  // The entry's new run-local address.
  absl::StatusOr<uint64_t> AddressOf(const Pending& entry);
  absl::StatusOr<uint64_t> Copy(const Pending& entry);
  std::string_view KeyOf(const Pending& entry) const {
    return std::string_view(keys_).substr(entry.key_begin, entry.key_size);
  }
  bool IsCopied(size_t segment, std::string_view key) const;
  void NoteUnreadable(size_t segment, const absl::Status& status);

  DatabaseCore& core_;
  const MergeInputs& inputs_;
  const MergePlan& plan_;
  MergeControl& control_;
  RewriteReader reader_;
  SegmentWriter segment_writer_;

  // First slots in the new run: of the segments that stay, by index; of the new
  // ones, as far as the lengths of those before are known.
  std::vector<uint64_t> kept_slots_;
  std::vector<uint64_t> new_slots_;

  std::vector<Pending> pending_;
  std::string keys_;
  uint64_t pending_bytes_ = 0;  // of records to copy
  uint64_t passed_bytes_ = 0;   // written and accounted to the rate

  MergeResult result_;
  std::optional<size_t> unreadable_segment_;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_MERGE_WRITER_H_
