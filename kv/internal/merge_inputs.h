// The runs that a merge reads.
#ifndef QUIRE_KV_INTERNAL_MERGE_INPUTS_H_
#define QUIRE_KV_INTERNAL_MERGE_INPUTS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "kv/internal/database_state.h"
#include "kv/internal/entry_cursor.h"
#include "kv/internal/run.h"

namespace quire::kv_internal {

// Neighbouring runs, newest first, and their segments under one numbering.
// Holds the runs, so that their files stay. Immutable.
class MergeInputs {
 public:
  struct Segment {
    std::shared_ptr<const OpenSegment> file;
    SegmentState state;
  };

  // Where a record lies: in the segment of this index.
  struct Place {
    size_t segment = 0;
    uint64_t offset = 0;
  };

  // `state` names all of the runs.
  MergeInputs(std::vector<std::shared_ptr<Run>> runs,
              const DatabaseState& state);

  const std::vector<std::shared_ptr<Run>>& runs() const { return runs_; }
  const std::vector<Segment>& segments() const { return segments_; }

  // Index entries of all runs together.
  uint64_t entry_count() const { return entry_count_; }

  // Where an entry of run `source` points. DataLoss if that is nowhere.
  absl::StatusOr<Place> Locate(size_t source, uint64_t address) const;

  // A cursor for each run, which leaves the caches as they are.
  std::vector<std::unique_ptr<EntryCursor>> NewCursors() const;

 private:
  // A slot of a run: which segment it belongs to, and where in it it begins.
  struct Slot {
    size_t segment;
    uint64_t base;
  };

  std::vector<std::shared_ptr<Run>> runs_;
  std::vector<Segment> segments_;
  std::vector<std::vector<Slot>> slots_;  // by run
  uint64_t entry_count_ = 0;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_MERGE_INPUTS_H_
