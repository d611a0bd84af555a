#include "kv/internal/merging_cursor.h"

#include <span>
#include <utility>

#include "kv/internal/key_bytes.h"

namespace quire::kv_internal {

MergingCursor::MergingCursor(std::vector<std::unique_ptr<EntryCursor>> children)
    : children_(std::move(children)) {
  heap_.reserve(children_.size());
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

void MergingCursor::NextWindow() {
  EntryCursor& current = Front();
  if (forward_) {
    current.Skip(window_size_);
    RestoreFront();
    return;
  }
  // The others stand before the current entry: to the first behind it.
  const IndexEntry& entry = current.entry();
  Reposition(true, [&](EntryCursor& cursor) {
    if (&cursor != &current) cursor.SeekVersion(entry.key, entry.sequence);
  });
  if (Valid()) Next();
}

void MergingCursor::PrevWindow() {
  EntryCursor& current = Front();
  if (!forward_) {
    current.SkipBack(window_size_);
    RestoreFront();
    return;
  }
  const IndexEntry& entry = current.entry();
  Reposition(false, [&](EntryCursor& cursor) {
    if (&cursor == &current) return;
    cursor.SeekVersion(entry.key, entry.sequence);
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
    move(*children_[i]);
    if (children_[i]->Valid()) {
      heap_.push_back(i);
      continue;
    }
    status_ = children_[i]->status();
    if (!status_.ok()) {
      heap_.clear();
      break;
    }
  }
  for (size_t i = heap_.size() / 2; i-- > 0;) SiftDown(i);
  ShowFront();
}

void MergingCursor::RestoreFront() {
  const EntryCursor& front = Front();
  if (!front.Valid()) {
    status_ = front.status();
    if (!status_.ok()) {
      heap_.clear();
    } else {
      heap_.front() = heap_.back();
      heap_.pop_back();
    }
  }
  SiftDown(0);
  ShowFront();
}

void MergingCursor::ShowFront() {
  if (heap_.empty()) {
    ShowNothing();
    return;
  }
  const EntryCursor& front = Front();
  const std::span<const IndexEntry> entries =
      forward_ ? front.Ahead() : front.Behind();
  const auto nth = [&](size_t i) -> const IndexEntry& {
    return entries[forward_ ? i : entries.size() - 1 - i];
  };
  // The second is one of the two below the first. Steps double, so that few
  // entries are looked at where children take turns, and where they don't.
  size_t size = entries.size();
  if (heap_.size() > 1) {
    const size_t second =
        heap_.size() > 2 && Before(heap_[2], heap_[1]) ? heap_[2] : heap_[1];
    const IndexEntry& limit = children_[second]->entry();
    size = 1;
    while (2 * size <= entries.size() && Before(nth(2 * size - 1), limit)) {
      size *= 2;
    }
  }
  window_size_ = size;
  if (forward_) {
    Show(entries.first(size), 0);
  } else {
    Show(entries.last(size), size - 1);
  }
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

bool MergingCursor::Before(const IndexEntry& a, const IndexEntry& b) const {
  const int order = CompareKeys(a.key, b.key);
  const bool before = order != 0 ? order < 0 : a.sequence > b.sequence;
  // No two entries are equal.
  return before == forward_;
}

}  // namespace quire::kv_internal
