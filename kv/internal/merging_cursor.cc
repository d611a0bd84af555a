#include "kv/internal/merging_cursor.h"

#include <utility>

namespace quire::kv_internal {

MergingCursor::MergingCursor(
    std::vector<std::unique_ptr<EntryCursor>> children) {
  children_.reserve(children.size());
  heap_.reserve(children.size());
  for (std::unique_ptr<EntryCursor>& child : children) {
    children_.push_back({std::move(child), {}, 0});
  }
}

void MergingCursor::SeekToFirst() {
  Reposition(true, [](EntryCursor& cursor) { cursor.SeekToFirst(); });
}

void MergingCursor::SeekToLast() {
  Reposition(false, [](EntryCursor& cursor) { cursor.SeekToLast(); });
}

void MergingCursor::Seek(std::string_view target) {
  Reposition(true, [&](EntryCursor& cursor) { cursor.Seek(target); });
}

void MergingCursor::SeekForPrev(std::string_view target) {
  Reposition(false, [&](EntryCursor& cursor) { cursor.SeekForPrev(target); });
}

void MergingCursor::SeekVersion(std::string_view target, uint64_t sequence) {
  Reposition(
      true, [&](EntryCursor& cursor) { cursor.SeekVersion(target, sequence); });
}

void MergingCursor::Next() {
  if (forward_) {
    children_[child()].cursor->Next();
    RestoreTop();
    return;
  }
  // The others stand before the current entry: to the first behind it.
  EntryCursor* const current = children_[child()].cursor.get();
  const std::string_view current_key = key();
  const uint64_t current_sequence = sequence();
  Reposition(true, [&](EntryCursor& cursor) {
    if (&cursor != current) cursor.SeekVersion(current_key, current_sequence);
  });
  if (Valid()) Next();
}

void MergingCursor::Prev() {
  if (!forward_) {
    children_[child()].cursor->Prev();
    RestoreTop();
    return;
  }
  EntryCursor* const current = children_[child()].cursor.get();
  const std::string_view current_key = key();
  const uint64_t current_sequence = sequence();
  Reposition(false, [&](EntryCursor& cursor) {
    if (&cursor == current) return;
    cursor.SeekVersion(current_key, current_sequence);
    if (cursor.Valid()) {
      cursor.Prev();
    } else if (cursor.status().ok()) {
      cursor.SeekToLast();
    }
  });
  if (Valid()) Prev();
}

template <typename Move>
void MergingCursor::Reposition(bool forward, Move move) {
  forward_ = forward;
  heap_.clear();
  status_ = absl::OkStatus();
  for (size_t i = 0; i < children_.size(); ++i) {
    move(*children_[i].cursor);
    if (Refresh(children_[i])) {
      heap_.push_back(i);
    } else if (!status_.ok()) {
      heap_.clear();
      return;
    }
  }
  for (size_t i = heap_.size() / 2; i-- > 0;) SiftDown(i);
}

bool MergingCursor::Refresh(Child& child) {
  if (!child.cursor->Valid()) {
    status_ = child.cursor->status();
    return false;
  }
  child.key = child.cursor->key();
  child.sequence = child.cursor->sequence();
  return true;
}

void MergingCursor::RestoreTop() {
  if (!Refresh(children_[heap_.front()])) {
    if (!status_.ok()) {
      heap_.clear();
      return;
    }
    heap_.front() = heap_.back();
    heap_.pop_back();
  }
  SiftDown(0);
}

void MergingCursor::SiftDown(size_t at) {
  while (true) {
    size_t first = 2 * at + 1;
    if (first >= heap_.size()) return;
    if (first + 1 < heap_.size() && Before(heap_[first + 1], heap_[first])) {
      ++first;
    }
    if (!Before(heap_[first], heap_[at])) return;
    std::swap(heap_[at], heap_[first]);
    at = first;
  }
}

bool MergingCursor::Before(size_t a, size_t b) const {
  const Child& x = children_[a];
  const Child& y = children_[b];
  const int order = x.key.compare(y.key);
  const bool before = order != 0 ? order < 0 : x.sequence > y.sequence;
  // No two entries are equal.
  return before == forward_;
}

}  // namespace quire::kv_internal
