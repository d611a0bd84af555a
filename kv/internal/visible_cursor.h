// The entries that a reader at some sequence number can see.
#ifndef QUIRE_KV_INTERNAL_VISIBLE_CURSOR_H_
#define QUIRE_KV_INTERNAL_VISIBLE_CURSOR_H_

#include <algorithm>
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

  void Next() {
    QUIRE_DCHECK(Valid());
    Following<true>(1).empty() ? NextSlowly() : Skip<true>(1);
  }
  void Prev() {
    QUIRE_DCHECK(Valid());
    Following<false>(1).empty() ? PrevSlowly() : Skip<false>(1);
  }

  // The entries that the next moves will come to, in their order in the source,
  // if that is simple to tell: as far as they lie in one window, each of a key
  // of its own, and can be seen. At most `most`; maybe none. `kForward`: moves
  // by Next, else by Prev (from the last of them to the first). REQUIRES:
  // Valid().
  template <bool kForward>
  std::span<const IndexEntry> Following(size_t most) const {
    if (backward_ == kForward || !merged_.Valid()) return {};
    size_t count = 0;
    if constexpr (kForward) {
      const std::span<const IndexEntry> ahead = merged_.Ahead();
      const size_t limit = std::min(most, ahead.size() - 1);
      while (
          count < limit && !EqualKeys(ahead[count + 1].key, ahead[count].key) &&
          IsSeen(ahead[count + 1]) && !range_.IsAbove(ahead[count + 1].key)) {
        ++count;
      }
      return ahead.subspan(1, count);
    } else {
      // The only version of its key, if the one before it is of another.
      const std::span<const IndexEntry> behind = merged_.Behind();
      const size_t last = behind.size() - 1;
      const size_t limit = std::min(most, last);
      while (
          count < limit &&
          !EqualKeys(behind[last - count - 1].key, behind[last - count].key) &&
          IsSeen(behind[last - count]) &&
          !range_.IsBelow(behind[last - count].key)) {
        ++count;
      }
      return behind.last(count);
    }
  }

  // `count` moves at once. REQUIRES: 0 < count <= Following(count).size().
  template <bool kForward>
  void Skip(size_t count) {
    if constexpr (kForward) {
      current_ = &merged_.Ahead()[count];
      merged_.Skip(count);
    } else {
      const std::span<const IndexEntry> behind = merged_.Behind();
      current_ = &behind[behind.size() - count];
      source_ = merged_.child();
      merged_.SkipBack(count);
    }
  }

  // Not valid, until the next seek.
  void Invalidate() { current_ = nullptr; }

  // The current entry. REQUIRES: Valid(). Views stay until the next move.
  const IndexEntry& entry() const { return *current_; }
  std::string_view key() const { return entry().key; }
  // Index of the source that it comes from.
  size_t source() const { return backward_ ? source_ : merged_.child(); }
  // Of the one that all of Following come from. REQUIRES: there are some.
  size_t upcoming_source() const { return merged_.child(); }

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
