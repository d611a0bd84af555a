// Merging runs: one table over all their segments in place of several, without
// what nobody can see any more.
#ifndef QUIRE_KV_INTERNAL_MERGER_H_
#define QUIRE_KV_INTERNAL_MERGER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "kv/internal/database_core.h"
#include "kv/internal/key_range.h"
#include "kv/internal/merge_control.h"
#include "kv/internal/run.h"

namespace quire::kv_internal {

struct MergeJob {
  // Neighbours in the current view, newest first; no other merge has them.
  std::vector<std::shared_ptr<Run>> runs;
  // Whether the last of `runs` is the oldest of all: only then can tombstones
  // go.
  bool includes_oldest = false;

  enum class Rewrite : uint8_t {
    // Segments as ChooseRewrites says.
    kGarbage,
    // Those that were not written in the order of their keys, oldest first, as
    // many as fit into memory.
    kLogs,
    // All.
    kEverything,
  };
  Rewrite rewrite = Rewrite::kGarbage;
  // Besides: the records of keys in this range, wherever they lie.
  std::optional<KeyRange> rewrite_range;
};

// Bytes of segments that a merge holds in memory to read their records in the
// order of the keys.
inline constexpr uint64_t kRewriteMemoryBytes = uint64_t{512} << 20;

// Does the job, for long, on the calling thread. A first pass over the sorted
// sections of all runs counts what is left of each segment; a second one writes
// the new table, and copies of the live records of the segments that are
// rewritten, in the order of their keys. One durable edit replaces the runs,
// then one change of the view; files that are no longer named go when their
// last reader has gone. Readers are never blocked.
//
// A segment with a record that can't be read is left in place: what is readable
// in it stays readable. Errors: Cancelled; DataLoss or Unavailable if a table
// can't be read; ResourceExhausted without space or memory. In each of these
// cases nothing has changed. After an edit of unknown outcome, or a failed sync
// of the directory, the error latch is set.
absl::Status MergeRuns(DatabaseCore& core, const MergeJob& job,
                       MergeControl& control);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_MERGER_H_
