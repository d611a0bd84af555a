// The first pass of a merge: what of each segment will be left.
#ifndef QUIRE_KV_INTERNAL_MERGE_SURVEY_H_
#define QUIRE_KV_INTERNAL_MERGE_SURVEY_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "kv/internal/merge_control.h"
#include "kv/internal/merge_inputs.h"
#include "kv/internal/merge_policy.h"

namespace quire::kv_internal {

// Counted over index entries; exact.
struct SegmentSurvey {
  SegmentUse use;
  // Of records whose entries the merge drops.
  uint64_t dropped_bytes = 0;
  uint64_t dropped_records = 0;
  // Of the records that are kept; UINT64_MAX if there are none.
  uint64_t oldest_kept_sequence = UINT64_MAX;
};

// Reads the sorted sections of all inputs. One survey for each segment, in the
// order of MergeInputs::segments. `snapshots`: the sequence numbers of live
// snapshots, ascending. No tombstone is taken for dropped yet.
absl::StatusOr<std::vector<SegmentSurvey>> SurveyMerge(
    const MergeInputs& inputs, const std::vector<uint64_t>& snapshots,
    MergeControl& control);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_MERGE_SURVEY_H_
