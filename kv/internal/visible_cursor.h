// The entries that a reader at some sequence number can see.
#ifndef QUIRE_KV_INTERNAL_VISIBLE_CURSOR_H_
#define QUIRE_KV_INTERNAL_VISIBLE_CURSOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "base/check.h"
#include "kv/internal/entry_cursor.h"
#include "kv/internal/index_entry.h"
#include "kv/internal/key_bytes.h"
#include "kv/internal/key_range.h"
#include "kv/internal/merging_cursor.h"

namespace quire::kv_internal {

// Of each key within `range`, over all sources, the newest version that is no
// newer than `sequence`, unless it is a tombstone. Starts invalid. A key with
// many hidden versions is passed by a seek, not step by step. Rules for
// threads, lifetimes and blocking are those of EntryCursor.
class VisibleCursor {
 public:
  VisibleCursor(std::vector<std::unique_ptr<EntryCursor>> sources,
                uint64_t sequence, KeyRange range);

  bool Valid() const { return current_ != nullptr; }
  // As in quire::Iterator, within the range.
  void SeekToFirst();
  void SeekToLast();
  void Seek(std::string_view target);
  void SeekForPrev(std::string_view target);

  // The usual case is inline: the neighbour in the window is of another key and
  // can be seen.
  void Next() {
    QUIRE_DCHECK(Valid());
    if (!backward_) {
      const std::span<const IndexEntry> ahead = merged_.Ahead();
      if (ahead.size() > 1 && !EqualKeys(ahead[1].key, ahead[0].key) &&
          IsSeen(ahead[1]) && !range_.IsAbove(ahead[1].key)) {
        merged_.Next();
        current_ = &ahead[1];
        return;
      }
    }
    NextSlowly();
  }
  void Prev() {
    QUIRE_DCHECK(Valid());
    if (backward_ && merged_.Valid()) {
      const std::span<const IndexEntry> behind = merged_.Behind();
      const IndexEntry& entry = behind.back();
      // Its only version, if the one before it is of another key.
      if (behind.size() > 1 &&
          !EqualKeys(behind[behind.size() - 2].key, entry.key) &&
          IsSeen(entry) && !range_.IsBelow(entry.key)) {
        source_ = merged_.child();
        merged_.Prev();
        current_ = &entry;
        return;
      }
    }
    PrevSlowly();
  }

  // The current entry. REQUIRES: Valid(). Views stay until the next move.
  const IndexEntry& entry() const { return *current_; }
  std::string_view key() const { return entry().key; }
  // Index of the source that it comes from.
  size_t source() const { return backward_ ? source_ : merged_.child(); }

  // OK, or why the cursor became invalid before the end.
  absl::Status status() const { return merged_.status(); }

 private:
  // Hidden versions of a key that are passed one by one before a seek.
  static constexpr int kMaxSteps = 8;

  // Unless a newer version hides it.
  bool IsSeen(const IndexEntry& entry) const {
    return entry.sequence <= sequence_ && !entry.record.tombstone;
  }

  void NextSlowly();
  void PrevSlowly();

  // Finds the first visible entry from where merged_ is. If `passed`, key_ has
  // been dealt with, and its other versions are passed.
  void FindForward(bool passed);
  // Likewise the last visible one; merged_ then stands before all versions of
  // its key.
  void FindBackward();
  // Looks at the versions of key_ from the oldest on, and goes before them.
  // Returns whether one is old enough; taken_ is the newest such.
  bool TakeNewestBackward();
  // Moves merged_ to the last entry before all versions of `key`.
  void SeekBefore(std::string_view key);
  void Take();

  MergingCursor merged_;
  const uint64_t sequence_;
  const KeyRange range_;

  // In merged_'s window, or taken_; nullptr: not valid.
  const IndexEntry* current_ = nullptr;
  // Forward, merged_ is at the current entry; backward, before its key.
  bool backward_ = false;
  std::string key_;
  // Backward: an entry of key_ that merged_ has left behind, and its source.
  IndexEntry taken_;
  size_t source_ = 0;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_VISIBLE_CURSOR_H_
