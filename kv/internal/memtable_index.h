// The hash index of a memtable: from a key to its newest version and on to
// older ones.
#ifndef QUIRE_KV_INTERNAL_MEMTABLE_INDEX_H_
#define QUIRE_KV_INTERNAL_MEMTABLE_INDEX_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "base/prefetch.h"
#include "cache/huge_buffer.h"
#include "kv/internal/memory_record.h"

namespace quire::kv_internal {

// An open-addressed table of 8-byte slots {tag 32 bits: the high half of the
// key's hash | place 32 bits: the record's offset in the image in units of 8
// bytes}, at most half full, probed in steps of one. A place of 0 is the
// image's header page, so 0 is an empty slot. The tag's high bits are the home
// slot; with them the table doubles without looking at a record.
//
// A key has one slot, which names its newest version. Its older versions are
// linked from there, so however often a key is overwritten, no probe gets
// longer. The link of a version is {rank 5 bits | jump 29 bits | older 29
// bits}: `older` is the version before it, `jump` one further back, as far as
// in Myers' skew-binary lists (E. W. Myers, "An applicative random-access
// stack", 1983): the newest version that a snapshot sees is found in a number
// of steps logarithmic in the versions. Links stand in an array with a place
// for each 24 bytes of the image, the size of the smallest record; its memory
// is populated only where keys are overwritten.
//
// Threads: one writer, any number of readers. Order: the writer completes
// record and link, then stores the slot with release; a reader that loads the
// slot with acquire sees both, and all older versions, whose slots were stored
// by the same writer before. A table that was outgrown is never written again
// and stays until the index dies (all outgrown tables together are smaller than
// the last one), so readers may finish in it: what was inserted after it was
// outgrown is newer than anything that such a reader may see.
class MemtableIndex {
 public:
  MemtableIndex() = default;
  MemtableIndex(const MemtableIndex&) = delete;
  MemtableIndex& operator=(const MemtableIndex&) = delete;

  // Indexes records in `image`, of `capacity_bytes`, which must outlive this.
  // Called once, first. ResourceExhausted if there is no memory.
  absl::Status Init(const std::byte* image, uint64_t capacity_bytes);

  // See Memtable for the calls below. `record_count` keys fit after OK.
  absl::Status Prepare(uint64_t record_count);
  void Insert(uint64_t offset, uint64_t hash);

  MemoryRecord Find(std::string_view key, uint64_t hash,
                    uint64_t max_sequence) const {
    const Table* table = table_.load(std::memory_order_acquire);
    const uint32_t tag = Tag(hash);
    for (uint64_t i = table->Home(tag);; i = table->After(i)) {
      const uint64_t slot = table->slots[i].load(std::memory_order_acquire);
      if (slot == 0) return MemoryRecord();
      if (slot >> 32 != tag) continue;
      const MemoryRecord record = At(static_cast<uint32_t>(slot));
      if (record.key() != key) continue;
      if (record.sequence() <= max_sequence) [[likely]]
        return record;
      return FindOlder(static_cast<uint32_t>(slot), max_sequence);
    }
  }

  void PrefetchHash(uint64_t hash) const {
    const Table* table = table_.load(std::memory_order_acquire);
    base::PrefetchCacheLine(&table->slots[table->Home(Tag(hash))]);
  }

  // Bytes of all tables. Safe beside the writer.
  uint64_t memory_bytes() const {
    // Relaxed: a statistic.
    return memory_bytes_.load(std::memory_order_relaxed);
  }

 private:
  using Slot = std::atomic<uint64_t>;

  struct Table {
    uint64_t Home(uint32_t tag) const { return tag >> shift; }
    uint64_t After(uint64_t i) const { return (i + 1) & mask; }

    Slot* slots;
    uint64_t mask;  // number of slots, a power of two, less 1
    int shift;      // 32 less its logarithm
    cache::HugeBuffer memory;
  };

  static uint32_t Tag(uint64_t hash) {
    return static_cast<uint32_t>(hash >> 32);
  }
  MemoryRecord At(uint32_t place) const {
    return MemoryRecord(image_ + uint64_t{place} * kAlignmentBytes);
  }
  uint64_t& Link(uint32_t place) const {
    return links_[place / (kRecordHeaderBytes / kAlignmentBytes)];
  }

  // The newest version no newer than `max_sequence`, of the versions older than
  // the one at `place`, which is newer.
  MemoryRecord FindOlder(uint32_t place, uint64_t max_sequence) const;
  // The link of a version that comes right after the one at `older`.
  uint64_t LinkTo(uint32_t older) const;
  absl::Status AddTable(uint64_t slot_count);

  const std::byte* image_ = nullptr;
  // Written before the slot that makes a reader look, so plain memory.
  uint64_t* links_ = nullptr;
  std::atomic<const Table*> table_{nullptr};

  // The writer's.
  uint64_t max_slots_ = 0;   // enough for all records that the image can hold
  uint64_t used_slots_ = 0;  // in the current table
  cache::HugeBuffer link_memory_;
  std::vector<std::unique_ptr<Table>> tables_;
  std::atomic<uint64_t> memory_bytes_{0};
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_MEMTABLE_INDEX_H_
