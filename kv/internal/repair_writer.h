// Writing the database that a repair makes.
#ifndef QUIRE_KV_INTERNAL_REPAIR_WRITER_H_
#define QUIRE_KV_INTERNAL_REPAIR_WRITER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "io/file_system.h"
#include "kv/internal/catalog.h"
#include "kv/internal/database_state.h"
#include "kv/internal/entry_sorter.h"
#include "kv/internal/group.h"
#include "kv/internal/manifest_edit.h"
#include "kv/internal/segment_copier.h"

namespace quire::kv_internal {

struct RepairedCounts {
  uint64_t keys = 0;
  uint64_t tombstones = 0;
};

// Copies records into new segments, makes one run of all of them and a closed
// database of that. Until Commit nothing that was in the directory is changed,
// and nothing names the new files. Not thread-safe.
class RepairWriter {
 public:
  // `state` is what is known of the database but for its files: ids, numbers,
  // the last segment of its log. File numbers start with its next one.
  RepairWriter(io::FileSystem& file_system, std::string directory,
               const DatabaseState& state, uint64_t segment_bytes);

  // Adds a record; they may come in any order, and more than once.
  absl::Status Add(const LogRecord& record);

  // Completes segments and table, all durable.
  absl::StatusOr<RepairedCounts> Finish();

  // Makes the directory a closed database of what was added. No write had a
  // higher sequence number than `last_sequence`. REQUIRES: Finish.
  absl::Status Commit(uint64_t last_sequence);

  // Whether the directory may be that database already: Commit has succeeded,
  // or has failed in a way that leaves it unknown.
  bool may_be_named() const { return may_be_named_; }

  // Removes the files, unless they may be named.
  void RemoveFiles();

 private:
  struct Segment {
    SegmentState state;
    uint64_t first_slot = 0;  // of the run-local addresses
  };

  absl::Status StartSegment(const LogRecord& first);
  absl::Status SealSegment();
  // The entries that count, as a table over all segments.
  absl::StatusOr<RepairedCounts> MakeTable();
  void CountGarbage(const SortedEntry& entry);

  io::FileSystem& file_system_;
  const std::string directory_;
  const DatabaseState base_;
  const uint64_t segment_bytes_;
  Catalog catalog_;
  EntrySorter sorter_;
  std::unique_ptr<SegmentCopier> copier_;  // of the segment being written
  std::vector<SortedEntry> entries_;       // of its records
  uint64_t next_slot_ = 0;
  uint64_t lowest_sequence_ = UINT64_MAX;
  uint64_t highest_sequence_ = 0;  // of the segment being written
  std::vector<Segment> segments_;
  std::vector<RunState> runs_;      // none or one
  std::vector<std::string> paths_;  // of all files made
  bool may_be_named_ = false;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_REPAIR_WRITER_H_
