// Several cursors as one.
#ifndef QUIRE_KV_INTERNAL_MERGING_CURSOR_H_
#define QUIRE_KV_INTERNAL_MERGING_CURSOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "kv/internal/entry_cursor.h"

namespace quire::kv_internal {

// The entries of all children in the order of EntryCursor. An error of one
// child makes the whole invalid, since the order can't be told without it; a
// later seek tries again. Turning around costs a seek of each child. REQUIRES:
// no two children hold the same version of a key. There may be no children.
class MergingCursor final : public EntryCursor {
 public:
  explicit MergingCursor(std::vector<std::unique_ptr<EntryCursor>> children);

  // Which child the current entry comes from: its index in the constructor's
  // argument. REQUIRES: Valid().
  size_t child() const { return heap_.front(); }

  bool Valid() const override { return !heap_.empty(); }
  void SeekToFirst() override;
  void SeekToLast() override;
  void Seek(std::string_view target) override;
  void SeekForPrev(std::string_view target) override;
  void SeekVersion(std::string_view target, uint64_t sequence) override;
  void Next() override;
  void Prev() override;
  std::string_view key() const override { return children_[child()].key; }
  uint64_t sequence() const override { return children_[child()].sequence; }
  bool tombstone() const override {
    return children_[child()].cursor->tombstone();
  }
  EntryPlace place() const override {
    return children_[child()].cursor->place();
  }
  absl::Status status() const override { return status_; }

 private:
  struct Child {
    std::unique_ptr<EntryCursor> cursor;
    // Of its current entry, if it is in the heap.
    std::string_view key;
    uint64_t sequence = 0;
  };

  // Moves every child by `move` and builds the heap for `forward` from those
  // that are valid then.
  template <typename Move>
  void Reposition(bool forward, Move move);

  // Takes over the entry of a child that was moved. False if it has none; then
  // status_ says whether that was an error.
  bool Refresh(Child& child);

  // After the child at the top was moved: puts it where it belongs, or drops
  // it.
  void RestoreTop();
  void SiftDown(size_t at);
  // Whether the entry of child `a` comes before that of `b` in the direction.
  bool Before(size_t a, size_t b) const;

  std::vector<Child> children_;
  // Indexes of the children that have an entry, as a binary heap: the next one
  // in the direction of movement in front. Empty after an error.
  std::vector<size_t> heap_;
  bool forward_ = true;
  absl::Status status_;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_MERGING_CURSOR_H_
