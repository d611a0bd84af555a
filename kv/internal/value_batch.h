// Reading the values of several entries at once.
#ifndef QUIRE_KV_INTERNAL_VALUE_BATCH_H_
#define QUIRE_KV_INTERNAL_VALUE_BATCH_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "io/page_provider.h"
#include "kv/internal/format.h"
#include "kv/internal/index_entry.h"
#include "kv/internal/key_arena.h"
#include "kv/internal/read_ahead.h"
#include "kv/internal/record_reader.h"
#include "kv/internal/run.h"

namespace quire::kv_internal {

// Entries are added, then their values are read as one plan. A few records that
// lie beside each other in a segment, in ascending or descending order, are one
// *stretch* and are copied in one piece. What is in memory is copied under one
// guard, without a system call; the rest goes to the provider in one batch, and
// more than that where batches follow each other in a segment (ReadAhead).
// Each record is verified against its entry, and each value fails for itself.
// Not thread-safe; runs and memtables of the entries must be held.
class ValueBatch {
 public:
  static constexpr size_t kCapacity = 128;  // entries

  explicit ValueBatch(io::PageProvider& provider)
      : provider_(provider), ahead_(provider) {}

  size_t size() const { return size_; }

  // Bytes that the records added so far take, but for those in memtables.
  uint64_t record_bytes() const { return record_bytes_; }

  // Forgets all entries and gives their memory back, but for what is kept for
  // the next ones.
  void Clear();

  // As Clear, and the next batch doesn't go on from the last one.
  void Restart() {
    Clear();
    ahead_.Reset();
  }

  // Adds the entry of a put. `run` is where its address points into; unused if
  // the record is in memory. Copies the key. REQUIRES: not read yet; size() <
  // kCapacity.
  void Add(const IndexEntry& entry, const Run* run) {
    AddAll<true>({&entry, 1}, run, UINT64_MAX);
  }

  // Adds entries of one source, from the first on if `kForward`, else from the
  // last on, until record_bytes() reaches `most_bytes`. Returns how many.
  // REQUIRES: as Add; room for all.
  template <bool kForward>
  size_t AddAll(std::span<const IndexEntry> entries, const Run* run,
                uint64_t most_bytes);

  // Reads all values. Blocks; must be called outside of any epoch guard.
  void Read();

  // Of entry `i`; the views stay until Clear.
  std::string_view key(size_t i) const {
    return keys_.Get(items_[i].key_begin, items_[i].key_size);
  }
  // REQUIRES: read. DataLoss naming file and offset if the record is damaged or
  // is not the entry's, or the provider's error.
  absl::StatusOr<std::string_view> value(size_t i) const {
    const Item& item = items_[i];
    if (item.error != kNoError) [[unlikely]]
      return errors_[item.error];
    return std::string_view(item.value, item.value_size);
  }

 private:
  static constexpr uint32_t kNoError = UINT32_MAX;

  // Longest stretch of several records: while one is verified, the next is
  // fetched.
  static constexpr uint64_t kMaxStretchBytes = 1024;
  // What may lie between neighbours and is read along: what fills a page up,
  // and a group's header.
  static constexpr uint64_t kMaxGapBytes = 1024;

  struct Item {
    uint32_t key_begin;  // in keys_
    uint32_t key_size;
    uint32_t value_size;
    uint32_t error;  // in errors_
    uint64_t sequence;
    uint64_t address;
    const char* value;
  };

  // Neighbouring items, first_item to end_item, whose records lie from address
  // `begin` to before address `end` of one slot of a run.
  struct Stretch {
    const Run* run;
    uint64_t begin;
    uint64_t end;
    size_t first_item;
    size_t end_item;
    // Set by Read.
    RecordLocation location = {};
    uint64_t size = 0;                 // in bytes, within the segment
    const std::byte* ahead = nullptr;  // in ahead_, if it was read ahead
    io::PeekResult peek = {};

    // Takes in the addresses from `first` to before `last`, if they lie beside
    // it in its slot and it doesn't get too long.
    bool Extend(uint64_t first, uint64_t last) {
      const bool ascends = first >= end;
      const uint64_t low = ascends ? begin : first;
      const uint64_t high = ascends ? last : end;
      // Where they overlap, it wraps around.
      const uint64_t gap = ascends ? first - end : begin - last;
      if (gap > kMaxGapBytes / kAlignmentBytes ||
          high - low > kMaxStretchBytes / kAlignmentBytes ||
          (begin ^ first) >> kSlotUnitBits != 0) {
        return false;
      }
      begin = low;
      end = high;
      return true;
    }
  };

  // An item whose record isn't there or isn't as its entry says.
  struct Failure {
    size_t item;
    const Run* run;
  };

  // Puts the record of item size_ on a stretch.
  void AddRecord(uint64_t address, uint64_t bytes, const Run* run);
  void AddError(Item& item, absl::Status error);
  // Finds out where stretches lie; items of those that don't go to failed_.
  void LocateStretches();
  // Copies what is in memory now. Puts the other stretches on missing_.
  void CopyResident();
  // Looks for stretches from `first` on, as many as are fetched together, and
  // starts to fetch them. Returns the one behind them.
  size_t PeekBurst(size_t first);
  // Copies a stretch; false if not all of it is in memory.
  bool Copy(const Stretch& stretch, std::byte* to) const;
  void ReadMissing();
  // Gives the items of a stretch their values, or puts them on failed_.
  void TakeValues(const Stretch& stretch, const std::byte* bytes);
  // Reads the records of failed_ one by one, which tells what is wrong.
  void ReadFailed();

  io::PageProvider& provider_;
  std::array<Item, kCapacity> items_;
  size_t size_ = 0;
  KeyArena keys_;
  uint64_t record_bytes_ = 0;
  std::vector<Stretch> stretches_;
  std::unique_ptr<std::byte[]> copies_;  // of stretches; grows only
  size_t copies_size_ = 0;
  std::vector<const Stretch*> missing_;  // what was not in memory
  std::vector<io::ReadRequest> requests_;
  ReadAhead ahead_;
  std::vector<Failure> failed_;
  std::vector<RecordRead> reads_;  // beside failed_
  std::vector<absl::Status> errors_;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_VALUE_BATCH_H_
