#include "kv/internal/merge_inputs.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "io/page_provider.h"
#include "kv/internal/format.h"
#include "kv/internal/record.h"
#include "kv/internal/sorted_cursor.h"

namespace quire::kv_internal {

MergeInputs::MergeInputs(std::vector<std::shared_ptr<Run>> runs,
                         const DatabaseState& state)
    : runs_(std::move(runs)), slots_(runs_.size()) {
  for (size_t i = 0; i < runs_.size(); ++i) {
    entry_count_ += runs_[i]->table().entry_count();
    for (const auto& segment : runs_[i]->segments()) {
      for (uint64_t slot = 0; slot < Run::SlotCount(segment->length());
           ++slot) {
        slots_[i].push_back({segments_.size(), slot * kSlotBytes});
      }
      segments_.push_back({segment, state.segments.at(segment->number())});
    }
  }
}

absl::StatusOr<MergeInputs::Place> MergeInputs::Locate(size_t source,
                                                       uint64_t address) const {
  const uint64_t slot = AddressSlot(address);
  if (slot < slots_[source].size()) {
    const Slot& s = slots_[source][slot];
    const uint64_t offset = s.base + AddressOffsetInSlot(address);
    if (offset < segments_[s.segment].state.length) {
      return Place{.segment = s.segment, .offset = offset};
    }
  }
  return absl::DataLossError(
      absl::StrCat(runs_[source]->table().file().path(),
                   ": an entry points outside of the run's segments"));
}

std::vector<std::unique_ptr<EntryCursor>> MergeInputs::NewCursors() const {
  std::vector<std::unique_ptr<EntryCursor>> cursors;
  cursors.reserve(runs_.size());
  for (const auto& run : runs_) {
    cursors.push_back(
        NewSortedCursor(run->table(), io::CachePolicy::kReadOnce));
  }
  return cursors;
}

}  // namespace quire::kv_internal
