// A run: a table and the sealed segments that it indexes, open for reading.
#ifndef QUIRE_KV_INTERNAL_RUN_H_
#define QUIRE_KV_INTERNAL_RUN_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "io/page_provider.h"
#include "kv/internal/format.h"
#include "kv/internal/obsolete_files.h"
#include "kv/internal/record.h"
#include "kv/internal/table_reader.h"

namespace quire::kv_internal {

// A sealed segment attached to the provider; detaches itself. Shared by runs
// while a merge hands it from one to another (never on a read path). Immutable.
class OpenSegment {
 public:
  OpenSegment(io::PageProvider& provider,
              std::unique_ptr<io::AttachedFile> file, uint64_t number,
              uint64_t id);
  ~OpenSegment();
  OpenSegment(const OpenSegment&) = delete;
  OpenSegment& operator=(const OpenSegment&) = delete;

  uint64_t number() const { return number_; }
  uint64_t id() const { return id_; }
  const io::AttachedFile& file() const { return *file_; }
  uint64_t length() const { return file_->size_bytes(); }

  // Once nothing uses the segment any more, its file goes to `files`, which
  // must outlive it. REQUIRES: the durable manifest does not name it.
  void RemoveWhenGone(ObsoleteFiles& files) const {
    // Relaxed: whoever drops the last reference sees what was done under the
    // others.
    obsolete_files_.store(&files, std::memory_order_relaxed);
  }

 private:
  io::PageProvider& provider_;
  std::unique_ptr<io::AttachedFile> file_;
  const uint64_t number_;
  const uint64_t id_;
  mutable std::atomic<ObsoleteFiles*> obsolete_files_{nullptr};
};

// Where a run-local address points.
struct RecordLocation {
  const io::AttachedFile* file = nullptr;
  RecordPlace place;  // file id and offset
  uint64_t limit =
      0;  // length of the segment: no byte of the record lies at or beyond it
};

// Immutable but for the residency of its hash section. Thread-safe.
class Run {
 public:
  // `segments` in the order of their slots.
  Run(std::unique_ptr<TableReader> table,
      std::vector<std::shared_ptr<const OpenSegment>> segments);
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  // As OpenSegment::RemoveWhenGone, for the table.
  void RemoveTableWhenGone(ObsoleteFiles& files) const {
    obsolete_files_.store(&files, std::memory_order_relaxed);
  }

  // The table's file number, by which the manifest calls the run.
  uint64_t number() const { return table_->header().file_number; }

  const TableReader& table() const { return *table_; }
  TableReader& table() { return *table_; }
  const std::vector<std::shared_ptr<const OpenSegment>>& segments() const {
    return segments_;
  }

  // About which share of its keys older runs have: as much of its weight makes
  // records there obsolete. 1 as long as nobody has looked.
  double overwriting() const { return overwriting_; }
  // REQUIRES: no other thread has the run yet.
  void set_overwriting(double share) { overwriting_ = share; }

  // Resolves an address; false if it points outside of the run's segments (a
  // damaged entry). One array look-up.
  bool Locate(uint64_t address, RecordLocation* location) const {
    const uint64_t slot = AddressSlot(address);
    if (slot >= slots_.size()) return false;
    const Slot& s = slots_[slot];
    location->file = s.file;
    location->place = {s.file_id, s.base + AddressOffsetInSlot(address)};
    location->limit = s.limit;
    return location->place.offset >= kPageBytes &&
           location->place.offset + kRecordHeaderBytes <= s.limit;
  }

  // What a record of the run takes on average, in bytes: how much of one to
  // fetch before its size is known.
  uint64_t likely_record_bytes() const { return likely_record_bytes_; }

  // Slots that a segment of `length` bytes takes.
  static uint64_t SlotCount(uint64_t length) {
    return (length + kSlotBytes - 1) / kSlotBytes;
  }

 private:
  struct Slot {
    const io::AttachedFile* file;
    uint64_t file_id;
    uint64_t base;   // offset in the file where the slot starts
    uint64_t limit;  // length of the file
  };

  std::unique_ptr<TableReader> table_;
  std::vector<std::shared_ptr<const OpenSegment>> segments_;
  std::vector<Slot> slots_;
  double overwriting_ = 1;
  mutable std::atomic<ObsoleteFiles*> obsolete_files_{nullptr};
  uint64_t likely_record_bytes_ = 0;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_RUN_H_
