// The memtable: the newest writes, findable while their segment is still being
// written.
#ifndef QUIRE_KV_INTERNAL_MEMTABLE_H_
#define QUIRE_KV_INTERNAL_MEMTABLE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cache/huge_buffer.h"
#include "kv/internal/entry_cursor.h"
#include "kv/internal/memory_record.h"
#include "kv/internal/memtable_index.h"
#include "kv/internal/memtable_order.h"
#include "kv/internal/spare_image.h"

namespace quire::kv_internal {

struct MemtableOptions {
  // The segment whose image the memtable holds: file number and random id.
  uint64_t segment_number = 0;
  uint64_t segment_id = 0;
  // Size of the image in bytes, the segment's header page included. At most
  // Memtable::kMaxCapacityBytes.
  uint64_t capacity_bytes = 0;
  // Where the image's memory comes from and goes to. nullptr: fresh memory.
  std::shared_ptr<SpareImage> spare_image = nullptr;
};

// The image of the active segment and two ways into it: a hash index for point
// reads, and an order that is made when somebody asks for it.
//
// Each record is encoded once, into the image; it is written to the file from
// there and read from there until the memtable is retired. Inserting adds an 8
// B slot to the index and 4 B to a list; nothing is copied or sorted.
//
// Threads. One writer at a time calls Prepare, Insert and changes the image;
// its calls happen one after the other (a lock or a queue orders them). Any
// number of readers call the const functions beside it, without locks but for
// NewCursor. A reader sees every record that was inserted before the store that
// told it of `max_sequence`.
//
// Lifetime. Nothing that a reader can reach is freed before the memtable, which
// the caller keeps alive by an epoch guard or a held view. So Find needs
// neither guard nor hold of its own.
//
// Memory. The image and the lists are reserved at creation and populated as
// they are used: a small memtable in a large reservation costs little. Only the
// index has to grow; Prepare does that where it can still fail without harm.
class Memtable {
 public:
  // Offsets are kept in 29 bits of 8 B units.
  static constexpr uint64_t kMaxCapacityBytes = uint64_t{4} << 30;

  // ResourceExhausted if the memory can't be reserved, InvalidArgument for a
  // capacity out of range.
  static absl::StatusOr<std::unique_ptr<Memtable>> Create(
      const MemtableOptions& options);

  ~Memtable();
  Memtable(const Memtable&) = delete;
  Memtable& operator=(const Memtable&) = delete;

  uint64_t segment_number() const { return options_.segment_number; }
  uint64_t segment_id() const { return options_.segment_id; }

  // Byte i is byte i of the segment's file; anything until written. The writer
  // may write anywhere beyond the records inserted so far.
  std::span<std::byte> image() {
    return image_.bytes().first(options_.capacity_bytes);
  }
  std::span<const std::byte> image() const {
    return image_.bytes().first(options_.capacity_bytes);
  }

  // Makes room for `record_count` more records: after OK that many calls of
  // Insert allocate nothing. ResourceExhausted changes nothing. Call it before
  // the group is written to the file.
  absl::Status Prepare(uint64_t record_count);

  // Makes the record at `offset` of the image findable. `hash` is the hash of
  // its key (key_hash.h). REQUIRES: the record is complete and never changes
  // again; offsets and sequence numbers ascend from call to call; Prepare made
  // room.
  void Insert(uint64_t offset, uint64_t hash);

  // The newest version of `key` with a sequence number of at most
  // `max_sequence`, which may be a tombstone; no record if there is none. One
  // slot and one record are touched if the newest version qualifies, otherwise
  // a number of records logarithmic in the versions. No lock, no allocation, no
  // write.
  MemoryRecord Find(std::string_view key, uint64_t hash,
                    uint64_t max_sequence) const {
    return index_.Find(key, hash, max_sequence);
  }

  // Starts to fetch the part of the index that Find(key, hash) looks at first.
  void PrefetchHash(uint64_t hash) const { index_.PrefetchHash(hash); }

  // A cursor over every record inserted before this call; later ones may be
  // missing. Sorts what was inserted since the last call (60-100 ns a record)
  // under a lock that only other callers of NewCursor wait for. If memory runs
  // out, the cursor has the status ResourceExhausted. The memtable must outlive
  // it.
  std::unique_ptr<EntryCursor> NewCursor() const;

  // Records inserted, older versions and tombstones included.
  uint64_t entry_count() const { return order_.count(); }

  // End of the last record inserted: bytes of the image in use.
  uint64_t used_bytes() const {
    return used_bytes_.load(std::memory_order_relaxed);
  }

  // Sequence number of the last record inserted; 0 if there is none.
  uint64_t last_sequence() const {
    return last_sequence_.load(std::memory_order_relaxed);
  }

  // Memory in use: image and index, in bytes. An estimate: what depends on
  // overwrites and on readers of the order is not counted.
  uint64_t memory_bytes() const;

 private:
  explicit Memtable(const MemtableOptions& options) : options_(options) {}

  absl::Status Init();

  const MemtableOptions options_;
  cache::HugeBuffer image_;
  MemtableIndex index_;
  // Behind the const calls: sorting changes nothing that its users see.
  mutable MemtableOrder order_;
  // Of the last record inserted. Relaxed: told to the curious; nothing else is
  // concluded from them.
  std::atomic<uint64_t> used_bytes_{0};
  std::atomic<uint64_t> last_sequence_{0};
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_MEMTABLE_H_
