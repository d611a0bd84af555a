#include "kv/internal/merger.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "kv/internal/manifest_edit.h"
#include "kv/internal/merge_inputs.h"
#include "kv/internal/merge_policy.h"
#include "kv/internal/merge_survey.h"
#include "kv/internal/merge_writer.h"

namespace quire::kv_internal {
namespace {

// New segments are this long, or longer by so much that a large database keeps
// few of them: of a run's live bytes at least this part each.
constexpr uint64_t kSegmentBytes = uint64_t{62} << 20;
constexpr uint64_t kMaxSegmentBytes = uint64_t{1} << 30;
constexpr uint64_t kSegmentsPerRun = 256;

class Merge {
 public:
  Merge(DatabaseCore& core, const MergeJob& job, MergeControl& control)
      : core_(core),
        job_(job),
        control_(control),
        inputs_(job.runs, core.catalog->state()) {}

  absl::Status Run() {
    QUIRE_RETURN_IF_ERROR(core_.write_error.Check());
    // Later snapshots see at least all that these runs hold: the newest.
    plan_.snapshots = core_.snapshots.Sequences();
    QUIRE_ASSIGN_OR_RETURN(surveys_,
                           SurveyMerge(inputs_, plan_.snapshots, control_));
    plan_.left_alone.resize(surveys_.size());
    for (;;) {
      Plan();
      MergeWriter writer(core_, inputs_, plan_, control_);
      absl::StatusOr<MergeResult> result = writer.Write();
      if (result.ok()) return Install(writer, *result);
      const std::optional<size_t> unreadable = writer.unreadable_segment();
      if (!unreadable.has_value() || plan_.left_alone[*unreadable]) {
        return result.status();
      }
      core_.counters.checksum_failures.Add(1);
      plan_.left_alone[*unreadable] = true;
    }
  }

 private:
  // Fills plan_ but for snapshots and left_alone.
  void Plan();
  std::vector<bool> ChooseSegments(const std::vector<SegmentUse>& uses,
                                   uint64_t live_bytes) const;
  // Segments that a copying pass had better hold in memory.
  std::vector<bool> ChooseLoads(const std::vector<SegmentUse>& uses) const;

  absl::Status Install(MergeWriter& writer, const MergeResult& result);
  ManifestEdit EditFor(const MergeResult& result) const;
  // Of all inputs together.
  double Overwriting() const;
  void Publish(const MergeResult& result);

  DatabaseCore& core_;
  const MergeJob& job_;
  MergeControl& control_;
  const MergeInputs inputs_;
  MergePlan plan_;
  std::vector<SegmentSurvey> surveys_;
};

void Merge::Plan() {
  std::vector<SegmentUse> uses;
  uint64_t live_bytes = 0;
  for (const SegmentSurvey& survey : surveys_) {
    uses.push_back(survey.use);
    live_bytes += survey.use.live_bytes;
  }
  plan_.rewritten = ChooseSegments(uses, live_bytes);
  plan_.loaded = ChooseLoads(uses);
  plan_.tombstone_horizon =
      TombstoneHorizon(uses, plan_.rewritten, job_.includes_oldest);
  plan_.rewrite_range = job_.rewrite_range;
  plan_.first_rewritten_sequence = UINT64_MAX;
  for (size_t i = 0; i < surveys_.size(); ++i) {
    if (!plan_.rewritten[i] && !plan_.rewrite_range.has_value()) continue;
    plan_.first_rewritten_sequence = std::min(plan_.first_rewritten_sequence,
                                              surveys_[i].oldest_kept_sequence);
  }
  plan_.segment_bytes =
      std::clamp(live_bytes / kSegmentsPerRun, kSegmentBytes, kMaxSegmentBytes);
}

std::vector<bool> Merge::ChooseSegments(const std::vector<SegmentUse>& uses,
                                        uint64_t live_bytes) const {
  std::vector<bool> rewritten(uses.size());
  switch (job_.rewrite) {
    case MergeJob::Rewrite::kGarbage: {
      uint64_t table_bytes = 0;
      for (const auto& run : inputs_.runs()) {
        table_bytes += run->table().size_bytes();
      }
      rewritten = ChooseRewrites(uses, DeadShare(table_bytes, live_bytes),
                                 job_.includes_oldest, kRewriteMemoryBytes);
      break;
    }
    case MergeJob::Rewrite::kLogs: {
      uint64_t budget = kRewriteMemoryBytes;
      for (size_t i = uses.size(); i-- > 0;) {
        const SegmentState& state = inputs_.segments()[i].state;
        if (state.origin != SegmentOrigin::kLog) continue;
        rewritten[i] = true;
        if (state.length >= budget) break;
        budget -= state.length;
      }
      break;
    }
    case MergeJob::Rewrite::kEverything:
      rewritten.assign(uses.size(), true);
      break;
  }
  for (size_t i = 0; i < uses.size(); ++i) {
    if (uses[i].live_bytes == 0) rewritten[i] = true;
    if (plan_.left_alone[i]) rewritten[i] = false;
  }
  return rewritten;
}

std::vector<bool> Merge::ChooseLoads(
    const std::vector<SegmentUse>& uses) const {
  std::vector<bool> loaded(uses.size());
  uint64_t budget = kRewriteMemoryBytes;
  for (size_t i = 0; i < uses.size(); ++i) {
    const SegmentState& state = inputs_.segments()[i].state;
    if (!plan_.rewritten[i] || uses[i].live_bytes == 0 ||
        state.origin != SegmentOrigin::kLog || state.length > budget) {
      continue;
    }
    budget -= state.length;
    loaded[i] = true;
  }
  return loaded;
}

ManifestEdit Merge::EditFor(const MergeResult& result) const {
  ManifestEdit edit;
  for (const auto& run : inputs_.runs()) edit.Add(RunDropped{run->number()});
  for (size_t i = 0; i < surveys_.size(); ++i) {
    const SegmentState& state = inputs_.segments()[i].state;
    if (plan_.rewritten[i]) {
      edit.Add(SegmentDropped{state.number});
      continue;
    }
    const uint64_t bytes = surveys_[i].dropped_bytes + result.moved_bytes[i];
    if (bytes == 0) continue;
    // A table that was made again has entries that were garbage once: never
    // count more than there is.
    edit.Add(GarbageCounted{
        .number = state.number,
        .bytes = std::min(bytes, state.length - state.garbage_bytes),
        .records = surveys_[i].dropped_records + result.moved_records[i]});
  }
  for (const SegmentState& segment : result.new_segments) {
    edit.Add(SegmentCreated{.number = segment.number,
                            .id = segment.id,
                            .first_sequence = segment.first_sequence,
                            .origin = segment.origin});
    edit.Add(SegmentSealed{.number = segment.number,
                           .length = segment.length,
                           .last_sequence = segment.last_sequence,
                           .digest = segment.digest});
  }
  if (result.made.has_value()) edit.Add(RunAdded{result.made->state});
  return edit;
}

absl::Status Merge::Install(MergeWriter& writer, const MergeResult& result) {
  absl::Status status = control_.Check();
  if (status.ok()) status = core_.write_error.Check();
  if (status.ok()) {
    status = core_.catalog->Commit(EditFor(result));
    if (!status.ok() && !absl::IsResourceExhausted(status)) {
      // The manifest may name the new files.
      core_.write_error.Set(status);
      return status;
    }
  }
  if (!status.ok()) {
    writer.RemoveFiles(result);
    return status;
  }
  Publish(result);
  // Merges must not outrun the removal of what they replace.
  core_.obsolete_files.RemoveQueued(*core_.file_system);
  core_.counters.merges.Add(1);
  for (const SegmentState& segment : result.new_segments) {
    core_.counters.rewritten_bytes.Add(static_cast<int64_t>(segment.length));
  }
  return absl::OkStatus();
}

double Merge::Overwriting() const {
  double entries = 0;
  double overwriting = 0;
  for (const auto& run : inputs_.runs()) {
    const auto count = static_cast<double>(run->table().entry_count());
    entries += count;
    overwriting += count * run->overwriting();
  }
  return entries > 0 ? overwriting / entries : 1;
}

void Merge::Publish(const MergeResult& result) {
  if (result.made.has_value()) {
    result.made->run->set_overwriting(Overwriting());
  }
  core_.views.Change([&](View& view) {
    const auto first =
        std::find(view.runs.begin(), view.runs.end(), inputs_.runs().front());
    const auto behind = view.runs.erase(
        first, first + static_cast<ptrdiff_t>(inputs_.runs().size()));
    if (result.made.has_value()) view.runs.insert(behind, result.made->run);
  });
  for (size_t i = 0; i < inputs_.segments().size(); ++i) {
    if (!plan_.rewritten[i]) continue;
    inputs_.segments()[i].file->RemoveWhenGone(core_.obsolete_files);
  }
  for (const auto& run : inputs_.runs()) {
    run->RemoveTableWhenGone(core_.obsolete_files);
  }
}

}  // namespace

absl::Status MergeRuns(DatabaseCore& core, const MergeJob& job,
                       MergeControl& control) {
  return Merge(core, job, control).Run();
}

}  // namespace quire::kv_internal
