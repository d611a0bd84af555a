#include "kv/internal/visible_cursor.h"

#include <utility>

#include "kv/internal/format.h"

namespace quire::kv_internal {

VisibleCursor::VisibleCursor(std::vector<std::unique_ptr<EntryCursor>> sources,
                             uint64_t sequence, KeyRange range)
    : merged_(std::move(sources)),
      sequence_(sequence),
      range_(std::move(range)) {}

void VisibleCursor::SeekToFirst() {
  if (range_.lower.empty()) {
    merged_.SeekToFirst();
  } else {
    merged_.Seek(range_.lower);
  }
  FindForward(false);
}

void VisibleCursor::SeekToLast() {
  if (range_.upper.has_value()) {
    SeekBefore(*range_.upper);
  } else {
    merged_.SeekToLast();
  }
  FindBackward();
}

void VisibleCursor::Seek(std::string_view target) {
  if (range_.IsBelow(target)) return SeekToFirst();
  key_.assign(target);  // it may lie in a window
  merged_.Seek(key_);
  FindForward(false);
}

void VisibleCursor::SeekForPrev(std::string_view target) {
  if (range_.IsAbove(target)) return SeekToLast();
  key_.assign(target);
  merged_.SeekForPrev(key_);
  FindBackward();
}

void VisibleCursor::NextSlowly() {
  key_.assign(key());
  if (backward_) {
    // No version has the number 0: this is behind all of the key's.
    merged_.SeekVersion(key_, 0);
  } else {
    merged_.Next();
  }
  FindForward(true);
}

void VisibleCursor::PrevSlowly() {
  if (!backward_) {
    key_.assign(key());
    SeekBefore(key_);
  }
  FindBackward();
}

void VisibleCursor::FindForward(bool passed) {
  current_ = nullptr;
  backward_ = false;
  int steps = 0;
  for (bool known = passed; merged_.Valid();) {
    const IndexEntry& entry = merged_.entry();
    if (!known || entry.key != key_) {
      if (range_.IsAbove(entry.key)) return;
      if (IsSeen(entry)) {
        current_ = &entry;
        return;
      }
      key_.assign(entry.key);
      known = true;
      // A tombstone that is old enough hides the rest.
      passed = entry.sequence <= sequence_;
      steps = 0;
    } else if (++steps > kMaxSteps) {
      merged_.SeekVersion(key_, passed ? 0 : sequence_);
      steps = 0;
      continue;
    } else if (!passed && entry.sequence <= sequence_) {
      if (!entry.record.tombstone) {
        current_ = &entry;
        return;
      }
      passed = true;
    }
    merged_.Next();
  }
}

void VisibleCursor::FindBackward() {
  current_ = nullptr;
  backward_ = true;
  while (merged_.Valid() && !range_.IsBelow(merged_.key())) {
    key_.assign(merged_.key());
    const bool found = TakeNewestBackward();
    // A version that could not be read may be newer.
    if (!merged_.status().ok()) return;
    if (found && !taken_.record.tombstone) {
      current_ = &taken_;
      return;
    }
  }
}

bool VisibleCursor::TakeNewestBackward() {
  bool found = false;
  for (int steps = 0; merged_.Valid() && merged_.key() == key_;) {
    if (++steps > kMaxSteps) {
      merged_.SeekVersion(key_, sequence_);
      found = merged_.Valid() && merged_.key() == key_;
      if (found) Take();
      if (merged_.status().ok()) SeekBefore(key_);
      return found;
    }
    if (merged_.sequence() <= sequence_) {
      Take();
      found = true;
    }
    merged_.Prev();
  }
  return found;
}

void VisibleCursor::SeekBefore(std::string_view key) {
  merged_.SeekVersion(key, kMaxSequence);
  if (merged_.Valid()) {
    merged_.Prev();
  } else if (merged_.status().ok()) {
    merged_.SeekToLast();
  }
}

void VisibleCursor::Take() {
  taken_ = merged_.entry();
  taken_.key = key_;
  source_ = merged_.child();
}

}  // namespace quire::kv_internal
