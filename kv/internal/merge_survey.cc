#include "kv/internal/merge_survey.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "kv/internal/survivor_cursor.h"

namespace quire::kv_internal {
namespace {

// Entries between two looks at the control.
constexpr uint64_t kCheckInterval = 1024;

class Survey {
 public:
  explicit Survey(const MergeInputs& inputs)
      : inputs_(inputs), segments_(inputs.segments().size()) {
    for (size_t i = 0; i < segments_.size(); ++i) {
      const SegmentState& state = inputs.segments()[i].state;
      segments_[i].use.length = state.length;
      segments_[i].use.first_sequence = state.first_sequence;
    }
  }

  void CountDropped(const Survivor& version) {
    SegmentSurvey* segment = Find(version);
    if (segment == nullptr) return;
    segment->dropped_bytes += version.place.record_bytes;
    ++segment->dropped_records;
  }

  void CountKept(const Survivor& version) {
    SegmentSurvey* segment = Find(version);
    if (segment == nullptr) return;
    segment->use.live_bytes += version.place.record_bytes;
    if (version.idle) {
      segment->use.idle_tombstone_bytes += version.place.record_bytes;
    }
    segment->oldest_kept_sequence =
        std::min(segment->oldest_kept_sequence, version.sequence);
  }

  uint64_t versions_seen() const { return versions_seen_; }
  const absl::Status& status() const { return status_; }

  // DataLoss if more was counted to a segment than it has room for: a table is
  // damaged in a way that its checksums don't show.
  absl::StatusOr<std::vector<SegmentSurvey>> Finish() {
    for (size_t i = 0; i < segments_.size(); ++i) {
      if (segments_[i].use.live_bytes > segments_[i].use.length) {
        return absl::DataLossError(absl::StrCat(
            inputs_.segments()[i].file->file().path(),
            ": its table names more records than there is room for"));
      }
    }
    return std::move(segments_);
  }

 private:
  // The segment of a version; nullptr after an error, which status_ keeps.
  SegmentSurvey* Find(const Survivor& version) {
    ++versions_seen_;
    const absl::StatusOr<MergeInputs::Place> place =
        inputs_.Locate(version.source, version.place.address);
    if (place.ok()) return &segments_[place->segment];
    status_ = place.status();
    return nullptr;
  }

  const MergeInputs& inputs_;
  std::vector<SegmentSurvey> segments_;
  uint64_t versions_seen_ = 0;
  absl::Status status_;
};

}  // namespace

absl::StatusOr<std::vector<SegmentSurvey>> SurveyMerge(
    const MergeInputs& inputs, const std::vector<uint64_t>& snapshots,
    MergeControl& control) {
  Survey survey(inputs);
  SurvivorCursor cursor(inputs.NewCursors(), snapshots, /*horizon=*/0);
  uint64_t reported = 0;
  while (cursor.NextKey(
      [&](const Survivor& version) { survey.CountDropped(version); })) {
    for (const Survivor& version : cursor.survivors()) {
      survey.CountKept(version);
    }
    if (survey.versions_seen() - reported < kCheckInterval) continue;
    control.AddEntries(survey.versions_seen() - reported);
    reported = survey.versions_seen();
    QUIRE_RETURN_IF_ERROR(control.Check());
    QUIRE_RETURN_IF_ERROR(survey.status());
  }
  QUIRE_RETURN_IF_ERROR(cursor.status());
  QUIRE_RETURN_IF_ERROR(survey.status());
  control.AddEntries(survey.versions_seen() - reported);
  return survey.Finish();
}

}  // namespace quire::kv_internal
