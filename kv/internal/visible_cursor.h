// The entries that a reader at some sequence number can see.
#ifndef QUIRE_KV_INTERNAL_VISIBLE_CURSOR_H_
#define QUIRE_KV_INTERNAL_VISIBLE_CURSOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "kv/internal/entry_cursor.h"
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

  bool Valid() const { return valid_; }
  // As in quire::Iterator, within the range.
  void SeekToFirst();
  void SeekToLast();
  void Seek(std::string_view target);
  void SeekForPrev(std::string_view target);
  void Next();
  void Prev();

  // Of the current entry. REQUIRES: Valid(). The key stays until the next move.
  std::string_view key() const { return key_; }
  uint64_t sequence() const { return current_.sequence; }
  const EntryPlace& place() const { return current_.place; }
  // Index of the source that it comes from.
  size_t source() const { return current_.source; }

  // OK, or why the cursor became invalid before the end.
  absl::Status status() const { return merged_.status(); }

 private:
  // Hidden versions of a key that are passed one by one before a seek.
  static constexpr int kMaxSteps = 8;

  struct Current {
    uint64_t sequence = 0;
    EntryPlace place;
    size_t source = 0;
    bool tombstone = false;
  };

  // Finds the first visible entry from where merged_ is. If `passed`, key_ has
  // been dealt with, and its other versions are passed.
  void FindForward(bool passed);
  // Likewise the last visible one; merged_ then stands before all versions of
  // its key.
  void FindBackward();
  // Looks at the versions of key_ from the oldest on, and goes before them.
  // Returns whether one is old enough; current_ is the newest such.
  bool TakeNewestBackward();
  // Moves merged_ to the last entry before all versions of `key`.
  void SeekBefore(std::string_view key);
  void Take();

  MergingCursor merged_;
  const uint64_t sequence_;
  const KeyRange range_;

  bool valid_ = false;
  // Forward, merged_ is at the current entry; backward, before its key.
  bool backward_ = false;
  std::string key_;
  Current current_;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_VISIBLE_CURSOR_H_
