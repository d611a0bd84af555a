// The order of a memtable: which records there are, and sorted when asked for.
#ifndef QUIRE_KV_INTERNAL_MEMTABLE_ORDER_H_
#define QUIRE_KV_INTERNAL_MEMTABLE_ORDER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "cache/huge_buffer.h"
#include "kv/internal/sorted_chunk.h"

namespace quire::kv_internal {

// Inserting a record only notes its place. The first reader who needs an order
// sorts what was noted since the last one did, into a chunk, and merges chunks
// until each is at least kMergeRatio times as large as the next: so there are
// few (a logarithm of the records), and a record is merged a logarithmic number
// of times however often readers come.
//
// Threads: one writer (Append), any number of readers (the rest).
class MemtableOrder {
 public:
  static constexpr uint64_t kMergeRatio = 8;

  using Chunks = std::vector<std::shared_ptr<const SortedChunk>>;

  MemtableOrder() = default;
  MemtableOrder(const MemtableOrder&) = delete;
  MemtableOrder& operator=(const MemtableOrder&) = delete;

  // Orders records in `image`, of `capacity_bytes`, which must outlive this and
  // the chunks. Called once, first. ResourceExhausted if there is no memory.
  absl::Status Init(const std::byte* image, uint64_t capacity_bytes);

  // Notes the record at `offset`. Never fails. REQUIRES: offsets ascend.
  void Append(uint64_t offset);

  uint64_t count() const {
    // Acquire: pairs with Append, for the places noted and their records.
    return count_.load(std::memory_order_acquire);
  }

  // Sorted chunks that together hold every record appended before the call, and
  // nothing twice. ResourceExhausted if there is no memory; what was sorted
  // before stays. Blocks only for other callers.
  absl::StatusOr<Chunks> Sort() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const std::byte* image_ = nullptr;
  // Place of each record, in the order of insertion; populated as it grows.
  // Written before count_ is raised, so plain memory.
  uint32_t* places_ = nullptr;
  std::atomic<uint64_t> count_{0};
  cache::HugeBuffer place_memory_;

  base::Mutex mu_;
  uint64_t sorted_count_ ABSL_GUARDED_BY(mu_) = 0;  // records in chunks_
  Chunks chunks_ ABSL_GUARDED_BY(mu_);              // oldest first
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_MEMTABLE_ORDER_H_
