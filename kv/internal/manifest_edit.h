// Edits: the changes to the list of a database's files that a manifest is made
// of, and how they stand in its groups.
//
// An edit is a list of changes that come into force together: one group of the
// manifest, one record of kind kEdit a change. The record's key is the change's
// tag (1 byte), its value the fields in the order in which they stand below,
// little-endian, 8 bytes each (database ids 16); a list is its length and its
// elements. kv/FORMAT.md is normative.
#ifndef QUIRE_KV_INTERNAL_MANIFEST_EDIT_H_
#define QUIRE_KV_INTERNAL_MANIFEST_EDIT_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "kv/internal/file_header.h"
#include "kv/internal/group.h"

namespace quire::kv_internal {

// A table and the sealed segments that it indexes.
struct RunState {
  uint64_t table_number = 0;
  uint64_t table_id = 0;
  uint64_t table_length = 0;  // in bytes
  uint64_t table_digest = 0;  // XXH3-64 of the whole file
  uint64_t entry_count = 0;
  uint64_t max_sequence = 0;            // of its entries
  std::vector<uint64_t> segments = {};  // numbers, in the order of their slots
  friend bool operator==(const RunState&, const RunState&) = default;
};

// First change of the first edit of every manifest, and only there: what has to
// be known of the database before its files.
struct DatabaseCreated {
  DatabaseId database_id = {};
  uint64_t hash_seed = 0;
  // The newest segment of the log so far, even if it has been dropped since;
  // zeros if there was none.
  uint64_t last_log_number = 0;
  uint64_t last_log_id = 0;
};

// No file has this number or a higher one. Lower than what is known: no change.
struct NextFileNumber {
  uint64_t number = 0;
};

// No write has a higher sequence number. Lower than what is known: no change.
struct LastSequence {
  uint64_t sequence = 0;
};

// The segment exists, its header page is durable, and it may get its first
// group. A segment of the log continues the one before (`previous_...`, zeros
// for the first of all), which gets no more groups: as long as it isn't sealed,
// this is what tells its true end from the remains of a failed write behind it,
// and from the loss of its last groups. A rewritten segment must be sealed by
// the same edit.
struct SegmentCreated {
  uint64_t number = 0;
  uint64_t id = 0;
  uint64_t previous_number = 0;
  uint64_t previous_id = 0;
  uint64_t first_sequence = 0;
  // Where the one before ends, in bytes. REQUIRED while that is in the list of
  // segments and not sealed; otherwise its sealed length, or 0.
  uint64_t previous_length = 0;
  SegmentOrigin origin = SegmentOrigin::kLog;
};

// Nothing is written into the segment any more, and all of it is durable.
// Segments of the log are sealed, or dropped unsealed, oldest first.
struct SegmentSealed {
  uint64_t number = 0;
  uint64_t length = 0;         // in bytes; the file may be longer
  uint64_t last_sequence = 0;  // highest in it; 0: it has no record
  uint64_t digest = 0;         // XXH3-64 of its first `length` bytes
  // Records that no table will name, and their bytes.
  uint64_t garbage_bytes = 0;
  uint64_t garbage_records = 0;
};

// The segment's file may be removed. REQUIRES: it is in no run.
struct SegmentDropped {
  uint64_t number = 0;
};

// This much more of a sealed segment is garbage.
struct GarbageCounted {
  uint64_t number = 0;
  uint64_t bytes = 0;
  uint64_t records = 0;
};

// The run takes over its segments: sealed ones that are in no run.
struct RunAdded {
  RunState run;
};

// The table's file may be removed; the segments are in no run any more.
struct RunDropped {
  uint64_t table_number = 0;
};

using ManifestChange =
    std::variant<DatabaseCreated, NextFileNumber, LastSequence, SegmentCreated,
                 SegmentSealed, SegmentDropped, GarbageCounted, RunAdded,
                 RunDropped>;

// Changes in the order in which they are applied.
class ManifestEdit {
 public:
  void Add(ManifestChange change);
  const std::vector<ManifestChange>& changes() const { return changes_; }

  // Lays the changes out in `group`, one record each.
  void AddTo(GroupBuilder& group) const;

  // Most bytes that AddTo adds to a group.
  uint64_t Room() const;

  // Adds the change that stands in a record of a manifest. FailedPrecondition
  // for a tag that this version doesn't know; DataLoss for anything else that
  // no writer writes. Errors name the offset, not the file.
  absl::Status AddDecoded(const LogRecord& record);

 private:
  std::vector<ManifestChange> changes_;
};

// "SegmentSealed number=7 length=4160 ...": for people.
std::string ToString(const ManifestChange& change);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_MANIFEST_EDIT_H_
