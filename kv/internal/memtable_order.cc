#include "kv/internal/memtable_order.h"

#include <span>
#include <utility>

#include "base/status_macros.h"
#include "kv/internal/format.h"

namespace quire::kv_internal {

absl::Status MemtableOrder::Init(const std::byte* image,
                                 uint64_t capacity_bytes) {
  image_ = image;
  const uint64_t max_records = capacity_bytes / kRecordHeaderBytes + 1;
  QUIRE_ASSIGN_OR_RETURN(place_memory_, cache::HugeBuffer::Create(
                                            max_records * sizeof(uint32_t),
                                            cache::HugeBuffer::Pages::kSmall));
  places_ = reinterpret_cast<uint32_t*>(place_memory_.data());
  return absl::OkStatus();
}

void MemtableOrder::Append(uint64_t offset) {
  // Relaxed: only this thread changes the count.
  const uint64_t count = count_.load(std::memory_order_relaxed);
  places_[count] = static_cast<uint32_t>(offset / kAlignmentBytes);
  // Release: a reader that sees the count sees the place and the record there.
  count_.store(count + 1, std::memory_order_release);
}

absl::StatusOr<MemtableOrder::Chunks> MemtableOrder::Sort() {
  base::MutexLock lock(mu_);
  const std::span<const uint32_t> unsorted(places_ + sorted_count_,
                                           count() - sorted_count_);
  if (unsorted.empty()) return chunks_;
  QUIRE_ASSIGN_OR_RETURN(std::shared_ptr<const SortedChunk> chunk,
                         SortedChunk::Sort(image_, unsorted));
  // Merged aside, so that a failure leaves what is there.
  size_t kept = chunks_.size();
  while (kept > 0 && chunks_[kept - 1]->size() < kMergeRatio * chunk->size()) {
    QUIRE_ASSIGN_OR_RETURN(chunk,
                           SortedChunk::Merge(*chunks_[kept - 1], *chunk));
    --kept;
  }
  chunks_.resize(kept);
  chunks_.push_back(std::move(chunk));
  sorted_count_ += unsorted.size();
  return chunks_;
}

}  // namespace quire::kv_internal
