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
  // argument. All of a window come from one. REQUIRES: Valid().
  size_t child() const { return heap_.front(); }

  void SeekToFirst() override;
  void SeekToLast() override;
  void Seek(std::string_view target) override;
  void SeekForPrev(std::string_view target) override;
  void SeekVersion(std::string_view target, uint64_t sequence) override;
  absl::Status status() const override { return status_; }

 private:
  void NextWindow() override;
  void PrevWindow() override;

  // Moves every child by `move`, builds the heap for `forward` from those that
  // are valid then, and shows the first.
  template <typename Move>
  void Reposition(bool forward, Move move);

  EntryCursor& Front() const { return *children_[child()]; }

  // After the child in front was moved: puts it where it belongs, or drops it,
  // and shows what is in front then.
  void RestoreFront();
  // The window becomes that of the child in front, as far as it certainly comes
  // before all other children's entries.
  void ShowFront();
  void SiftDown(size_t at);
  // Whether the entry of child `a` comes before that of `b` in the direction.
  bool Before(size_t a, size_t b) const {
    return Before(children_[a]->entry(), children_[b]->entry());
  }
  bool Before(const IndexEntry& a, const IndexEntry& b) const;

  // The one in front stays at the first entry of the window in the direction of
  // movement while the window is walked through.
  std::vector<std::unique_ptr<EntryCursor>> children_;
  // Indexes of the children that have an entry, as a binary heap: the next one
  // in the direction of movement in front. Empty after an error.
  std::vector<size_t> heap_;
  size_t window_size_ = 0;
  bool forward_ = true;
  absl::Status status_;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_MERGING_CURSOR_H_
