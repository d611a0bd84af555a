#include "kv/internal/memtable.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "kv/internal/empty_cursor.h"
#include "kv/internal/format.h"
#include "kv/internal/merging_cursor.h"
#include "kv/internal/record.h"

namespace quire::kv_internal {
absl::StatusOr<std::unique_ptr<Memtable>> Memtable::Create(
    const MemtableOptions& options) {
  const uint64_t capacity = options.capacity_bytes;
  if (capacity < kPageBytes || capacity > kMaxCapacityBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a memtable of ", capacity, " bytes; must be ", kPageBytes,
                     " to ", kMaxCapacityBytes));
  }
  std::unique_ptr<Memtable> memtable(new Memtable(options));
  QUIRE_RETURN_IF_ERROR(memtable->Init());
  return memtable;
}

Memtable::~Memtable() {
  if (options_.spare_image == nullptr || image_.size() == 0) return;
  options_.spare_image->Keep(options_.capacity_bytes, std::move(image_));
}

absl::Status Memtable::Init() {
  const uint64_t capacity = options_.capacity_bytes;
  SpareImage* const spare = options_.spare_image.get();
  QUIRE_ASSIGN_OR_RETURN(
      image_, spare != nullptr ? spare->Take(capacity) : NewImage(capacity));
  QUIRE_RETURN_IF_ERROR(index_.Init(image_.data(), capacity));
  return order_.Init(image_.data(), capacity);
}

absl::Status Memtable::Prepare(uint64_t record_count) {
  return index_.Prepare(record_count);
}

void Memtable::Insert(uint64_t offset, uint64_t hash) {
  QUIRE_DCHECK(offset >= used_bytes() && offset >= kPageBytes);
  const MemoryRecord record(image_.data() + offset);
  QUIRE_DCHECK(record.sequence() > last_sequence());
  index_.Insert(offset, hash);
  order_.Append(offset);
  used_bytes_.store(
      offset + RecordBytes(record.key().size(), record.value().size()),
      std::memory_order_relaxed);
  last_sequence_.store(record.sequence(), std::memory_order_relaxed);
}

std::unique_ptr<EntryCursor> Memtable::NewCursor() const {
  absl::StatusOr<MemtableOrder::Chunks> chunks = order_.Sort();
  if (!chunks.ok()) return NewEmptyCursor(chunks.status());
  std::vector<std::unique_ptr<EntryCursor>> cursors;
  cursors.reserve(chunks->size());
  for (auto& chunk : *chunks) {
    cursors.push_back(NewChunkCursor(std::move(chunk)));
  }
  if (cursors.size() == 1) return std::move(cursors.front());
  return std::make_unique<MergingCursor>(std::move(cursors));
}

uint64_t Memtable::memory_bytes() const {
  return used_bytes() + index_.memory_bytes();
}

}  // namespace quire::kv_internal
