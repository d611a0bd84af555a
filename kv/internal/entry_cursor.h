// Ordered movement over index entries: what memtables and sorted sections offer
// to iterators and merges.
#ifndef QUIRE_KV_INTERNAL_ENTRY_CURSOR_H_
#define QUIRE_KV_INTERNAL_ENTRY_CURSOR_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "base/check.h"
#include "kv/internal/index_entry.h"

namespace quire::kv_internal {

// Where the record of an entry is.
struct EntryPlace {
  // As in IndexEntry.
  const std::byte* memory = nullptr;
  uint64_t address = 0;
  // Exactly what the record takes in its segment: header, key, value and the
  // zeros behind them (not padding or gaps before it, which no record owns).
  uint64_t record_bytes = 0;
  uint32_t value_size = 0;
};

// Entries in the order (key ascending as unsigned bytes, sequence number
// descending). Every version that the source holds is seen, tombstones too.
// Starts invalid. One thread at a time. Moves may block on I/O, so never inside
// an epoch guard; what the cursor reads must be kept alive by the caller (a
// held view).
//
// A cursor shows a *window*: neighbouring entries, decoded together, of which
// one is the current entry. Within the window a move is an addition; only a
// move out of it is a virtual call.
class EntryCursor {
 public:
  EntryCursor() = default;
  EntryCursor(const EntryCursor&) = delete;
  EntryCursor& operator=(const EntryCursor&) = delete;
  virtual ~EntryCursor() = default;

  bool Valid() const { return at_ != end_; }

  virtual void SeekToFirst() = 0;
  virtual void SeekToLast() = 0;

  // First entry with a key >= `target`: the newest version of that key.
  virtual void Seek(std::string_view target) = 0;

  // Last entry with a key <= `target`: the oldest version of that key.
  virtual void SeekForPrev(std::string_view target) = 0;

  // First entry at or behind (`target`, `sequence`) in the cursor's order: the
  // newest version of `target` that is no newer than `sequence` if there is
  // one, else the newest version of the next key. Sources that may hold many
  // versions of a key do it without passing them.
  virtual void SeekVersion(std::string_view target, uint64_t sequence) {
    Seek(target);
    while (Valid() && this->sequence() > sequence && key() == target) Next();
  }

  // REQUIRES: Valid().
  void Next() { Skip(1); }
  void Prev() { SkipBack(1); }

  // The window from the current entry to its end, and from its beginning up to
  // the current entry, which both include. REQUIRES: Valid().
  std::span<const IndexEntry> Ahead() const { return {at_, end_}; }
  std::span<const IndexEntry> Behind() const { return {begin_, at_ + 1}; }

  // `count` moves at once. REQUIRES: 0 < count <= Ahead().size().
  void Skip(size_t count) {
    QUIRE_DCHECK(Valid() && count <= Ahead().size());
    at_ += count;
    if (at_ == end_) NextWindow();
  }
  // REQUIRES: 0 < count <= Behind().size().
  void SkipBack(size_t count) {
    QUIRE_DCHECK(Valid() && count <= Behind().size());
    if (count == Behind().size()) {
      at_ = begin_;
      PrevWindow();
    } else {
      at_ -= count;
    }
  }

  // The current entry; its views, and the entry itself, stay until a move out
  // of the window. REQUIRES for all below: Valid().
  const IndexEntry& entry() const {
    QUIRE_DCHECK(Valid());
    return *at_;
  }
  std::string_view key() const { return entry().key; }
  uint64_t sequence() const { return entry().sequence; }
  bool tombstone() const { return entry().record.tombstone; }
  EntryPlace place() const {
    const IndexEntry& current = entry();
    return {.memory = current.memory,
            .address = current.record.address,
            .record_bytes = current.record.RecordBytes(current.key.size()),
            .value_size = current.record.value_size};
  }

  // OK, or why the cursor became invalid before the end.
  virtual absl::Status status() const = 0;

 protected:
  // Shows `window`, of which entry `at` is the current one; none: the cursor is
  // invalid.
  void Show(std::span<const IndexEntry> window, size_t at) {
    QUIRE_DCHECK(at < window.size() || window.empty());
    begin_ = window.data();
    at_ = begin_ + at;
    end_ = begin_ + window.size();
  }
  void ShowNothing() { Show({}, 0); }

  // Move from the last entry of the window to the one behind it, and from the
  // first to the one before it. Called with at_ behind the last one and at the
  // first one.
  virtual void NextWindow() = 0;
  virtual void PrevWindow() = 0;

 private:
  const IndexEntry* begin_ = nullptr;
  const IndexEntry* at_ = nullptr;
  const IndexEntry* end_ = nullptr;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_ENTRY_CURSOR_H_
