// Reading the values of several entries at once.
#ifndef QUIRE_KV_INTERNAL_VALUE_BATCH_H_
#define QUIRE_KV_INTERNAL_VALUE_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "io/page_provider.h"
#include "kv/internal/entry_cursor.h"
#include "kv/internal/record_reader.h"
#include "kv/internal/run.h"

namespace quire::kv_internal {

// Entries are added, then their values are read as one plan: what is in memory
// is copied under one guard, without a system call; the rest goes to the
// provider in one batch. Each value fails for itself. Not thread-safe; runs and
// memtables of the entries must be held.
class ValueBatch {
 public:
  explicit ValueBatch(io::PageProvider& provider) : provider_(provider) {}

  size_t size() const { return entries_.size(); }

  // Bytes that the records added so far take, but for those in memtables.
  uint64_t record_bytes() const { return record_bytes_; }

  // Forgets all entries and gives their memory back, but for what is kept for
  // the next ones.
  void Clear();

  // Adds the entry of a put. `run` is where its address points into; unused if
  // the record is in memory. Copies the key. REQUIRES: not read yet.
  void Add(std::string_view key, uint64_t sequence, const EntryPlace& place,
           const Run* run);

  // Reads all values. Blocks; must be called outside of any epoch guard.
  void Read();

  // Of entry `i`; the views stay until Clear.
  std::string_view key(size_t i) const {
    return std::string_view(keys_).substr(entries_[i].key_begin,
                                          entries_[i].key_size);
  }
  // REQUIRES: read. DataLoss naming file and offset if the record is damaged or
  // is not the entry's, or the provider's error.
  absl::StatusOr<std::string_view> value(size_t i) const;

 private:
  struct Entry {
    size_t key_begin;
    size_t key_size;
    uint64_t sequence;
    // Valid if the record is not in a memtable and status is OK.
    RecordLocation location;
    uint64_t record_bytes = 0;
    uint32_t size_class = 0;
    absl::Status status;
    // The value, or where in copies_ it is.
    bool copied = false;
    std::string_view value;
    size_t copy_begin = 0;
    size_t copy_size = 0;
  };

  // Copies values of records that are in memory now. Puts the others on
  // missing_.
  void CopyResident();
  bool CopyResident(size_t i);
  void ReadMissing();

  io::PageProvider& provider_;
  std::vector<Entry> entries_;
  std::string keys_;
  std::string copies_;
  uint64_t record_bytes_ = 0;
  std::vector<size_t> in_runs_;    // entries that are not in a memtable
  std::vector<size_t> missing_;    // of those, what was not in memory
  std::vector<RecordRead> reads_;  // of missing_; their pins hold the values
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_VALUE_BATCH_H_
