// What may be believed of a log after an unclean stop: pure decisions on images
// of the segments, no I/O.
#ifndef QUIRE_KV_INTERNAL_LOG_RECOVERY_H_
#define QUIRE_KV_INTERNAL_LOG_RECOVERY_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kv/internal/database_state.h"
#include "kv/internal/group.h"

namespace quire::kv_internal {

// Gives the bytes of a segment's whole file; they stay until the next call.
// NotFound if there is no such file (RecoverLog makes DataLoss of it).
using SegmentLoader =
    absl::FunctionRef<absl::StatusOr<std::span<const std::byte>>(
        const SegmentState&)>;

// Gets the records in the order of their sequence numbers. A failure ends the
// recovery and is returned.
using RecordVisitor =
    absl::FunctionRef<absl::Status(const SegmentState&, const LogRecord&)>;

struct RecoveredSegment {
  uint64_t number = 0;
  // Bytes of the file that are kept: header page and whole groups. All groups
  // below were visited.
  uint64_t accepted_end = 0;
  // Bytes behind, up to the last that isn't zero.
  uint64_t dropped_bytes = 0;
  uint64_t record_count = 0;  // visited
};

struct RecoveryPlan {
  std::vector<RecoveredSegment> segments;  // in log order
  // Highest sequence number that was given out as far as is known, also to
  // writes that are dropped.
  uint64_t last_sequence = 0;
  // What the log was known to hold durably. Everything before it is kept.
  LogPosition durable;
  // OK if the log ends where its last segment does, or in zeros; otherwise the
  // first thing that was not accepted, for a report.
  absl::Status torn;
};

// Replays the part of the log that no run holds: the sealed segments of `state`
// that are in no run, which must be exactly as they were sealed, then the
// unsealed ones. Loads each once, in log order, and calls `visit` for the
// records that are kept, all before it knows whether the log is to be refused:
// after an error the caller forgets what was visited.
//
// Where the first bad group (checks, chain, or cut by the file's end) stands
// decides. W is the highest position that a valid group header anywhere behind
// it says was durable. Below W: DataLoss naming file and offset, since a write
// that was acknowledged may be gone. At or above W: the torn end of writes that
// nobody was promised; the log ends there, and what is behind is dropped, whole
// groups too.
//
// DataLoss also for a segment that is missing, or whose header page is not what
// the manifest says (it was durable before the manifest named it), and for
// sequence numbers that don't ascend. Errors of `load` are returned as they
// are.
absl::StatusOr<RecoveryPlan> RecoverLog(const DatabaseState& state,
                                        const std::string& directory,
                                        SegmentLoader load,
                                        RecordVisitor visit);

// Verifies that `file` is the sealed segment `segment` of the database
// `database_id` (header page, length, digest, every group) and calls `visit`
// for each record in the order of the file. DataLoss naming `path`.
absl::Status ReadSealedSegment(const DatabaseId& database_id,
                               const SegmentState& segment,
                               std::span<const std::byte> file,
                               const std::string& path, RecordVisitor visit);

// Whether a segment file `path` (whole content `file`, number `number` by its
// name) that `state` doesn't name may be removed. OK: nothing that was
// acknowledged is in it. Otherwise the database must not be opened for writing:
// DataLoss if the file holds groups that the log went on with, so that the
// manifest has lost its end; FailedPrecondition if it is of another database,
// of a newer version or not a segment.
absl::Status CheckUnnamedSegment(const DatabaseState& state, uint64_t number,
                                 std::span<const std::byte> file,
                                 const std::string& path);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_LOG_RECOVERY_H_
