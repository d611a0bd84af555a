#include "kv/internal/survivor_cursor.h"

#include <utility>

namespace quire::kv_internal {

SurvivorCursor::SurvivorCursor(
    std::vector<std::unique_ptr<EntryCursor>> sources,
    std::vector<uint64_t> snapshots, uint64_t horizon)
    : merged_(std::move(sources)),
      filter_(std::move(snapshots)),
      horizon_(horizon) {}

bool SurvivorCursor::NextKey(absl::FunctionRef<void(const Survivor&)> drop) {
  if (!std::exchange(started_, true)) merged_.SeekToFirst();
  survivors_.clear();
  if (!merged_.Valid()) return false;
  key_.assign(merged_.key());
  do {
    const Survivor version = {.source = merged_.child(),
                              .sequence = merged_.sequence(),
                              .place = merged_.place(),
                              .tombstone = merged_.tombstone()};
    if (filter_.Keep(key_, version.sequence)) {
      survivors_.push_back(version);
    } else {
      drop(version);
    }
    merged_.Next();
  } while (merged_.Valid() && merged_.key() == key_);
  if (!merged_.status().ok()) return false;
  DealWithTombstones(drop);
  return true;
}

void SurvivorCursor::DealWithTombstones(
    absl::FunctionRef<void(const Survivor&)> drop) {
  while (!survivors_.empty() && survivors_.back().tombstone &&
         survivors_.back().sequence < horizon_) {
    drop(survivors_.back());
    survivors_.pop_back();
  }
  // Only the oldest one: what a newer one hides is that one.
  if (!survivors_.empty() && survivors_.back().tombstone) {
    survivors_.back().idle = true;
  }
}

}  // namespace quire::kv_internal
