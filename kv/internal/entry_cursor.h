// Ordered movement over index entries: what memtables and sorted sections offer
// to iterators and merges.
#ifndef QUIRE_KV_INTERNAL_ENTRY_CURSOR_H_
#define QUIRE_KV_INTERNAL_ENTRY_CURSOR_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

namespace quire::kv_internal {

// Where the record of an entry is.
struct EntryPlace {
  // The record's header in a memtable's arena, or nullptr if the record is in a
  // run's segment.
  const std::byte* memory = nullptr;
  // The rest only without `memory`.
  uint64_t address = 0;  // run-local (format.h)
  // Exactly what the record takes in its segment: header, key, value and the
  // zeros behind them (not padding or gaps before it, which no record owns).
  uint64_t record_bytes = 0;
  uint32_t size_class = 0;
  uint32_t value_size = 0;
};

// Entries in the order (key ascending as unsigned bytes, sequence number
// descending). Every version that the source holds is seen, tombstones too.
// Starts invalid. One thread at a time. Moves may block on I/O, so never inside
// an epoch guard; what the cursor reads must be kept alive by the caller (a
// held view).
class EntryCursor {
 public:
  virtual ~EntryCursor() = default;

  virtual bool Valid() const = 0;

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
  virtual void Next() = 0;
  virtual void Prev() = 0;

  // Of the current entry; views die with the next move. REQUIRES: Valid().
  virtual std::string_view key() const = 0;
  virtual uint64_t sequence() const = 0;
  virtual bool tombstone() const = 0;
  virtual EntryPlace place() const = 0;

  // OK, or why the cursor became invalid before the end.
  virtual absl::Status status() const = 0;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_ENTRY_CURSOR_H_
