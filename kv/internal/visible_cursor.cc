#include "kv/internal/visible_cursor.h"

#include <utility>

#include "base/check.h"
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
  merged_.Seek(target);
  FindForward(false);
}

void VisibleCursor::SeekForPrev(std::string_view target) {
  if (range_.IsAbove(target)) return SeekToLast();
  merged_.SeekForPrev(target);
  FindBackward();
}

void VisibleCursor::Next() {
  QUIRE_DCHECK(Valid());
  if (backward_) {
    // No version has the number 0: this is behind all of the key's.
    merged_.SeekVersion(key_, 0);
  } else {
    merged_.Next();
  }
  FindForward(true);
}

void VisibleCursor::Prev() {
  QUIRE_DCHECK(Valid());
  if (!backward_) SeekBefore(key_);
  FindBackward();
}

void VisibleCursor::FindForward(bool passed) {
  valid_ = false;
  backward_ = false;
  int steps = 0;
  for (bool known = passed; merged_.Valid();) {
    const std::string_view key = merged_.key();
    if (!known || key != key_) {
      if (range_.IsAbove(key)) return;
      key_.assign(key);
      known = true;
      passed = false;
      steps = 0;
    } else if (++steps > kMaxSteps) {
      merged_.SeekVersion(key_, passed ? 0 : sequence_);
      steps = 0;
      continue;
    }
    if (!passed && merged_.sequence() <= sequence_) {
      Take();
      if (!current_.tombstone) {
        valid_ = true;
        return;
      }
      passed = true;
    }
    merged_.Next();
  }
}

void VisibleCursor::FindBackward() {
  valid_ = false;
  backward_ = true;
  while (merged_.Valid() && !range_.IsBelow(merged_.key())) {
    key_.assign(merged_.key());
    const bool found = TakeNewestBackward();
    // A version that could not be read may be newer.
    if (!merged_.status().ok()) return;
    if (found && !current_.tombstone) {
      valid_ = true;
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
  current_.sequence = merged_.sequence();
  current_.place = merged_.place();
  current_.source = merged_.child();
  current_.tombstone = merged_.tombstone();
}

}  // namespace quire::kv_internal
