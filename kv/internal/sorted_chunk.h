// A sorted, immutable list of records that lie in a memtable's image.
#ifndef QUIRE_KV_INTERNAL_SORTED_CHUNK_H_
#define QUIRE_KV_INTERNAL_SORTED_CHUNK_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"
#include "kv/internal/entry_cursor.h"
#include "kv/internal/format.h"
#include "kv/internal/memory_record.h"

namespace quire::kv_internal {

// Order: key ascending as unsigned bytes, sequence number descending. Beside
// each record's place (its offset in the image in units of 8 bytes) stands its
// *word*: the 8 bytes of its key behind the prefix that all keys of the chunk
// share, big-endian, filled up with zeros. Most comparisons end there, without
// touching a record. Immutable, so thread-safe; the image must outlive it.
class SortedChunk {
 public:
  // Sorts the records at `places`, which ascend, as their sequence numbers do.
  // ResourceExhausted if there is no memory. REQUIRES: !places.empty().
  static absl::StatusOr<std::shared_ptr<const SortedChunk>> Sort(
      const std::byte* image, std::span<const uint32_t> places);

  // The records of both. REQUIRES: one image; every record of `newer` comes
  // behind every record of `older` there.
  static absl::StatusOr<std::shared_ptr<const SortedChunk>> Merge(
      const SortedChunk& older, const SortedChunk& newer);

  size_t size() const { return size_; }
  MemoryRecord operator[](size_t i) const { return At(places_[i]); }

  // Index of the first record at or behind (`key`, `sequence`); size() if there
  // is none.
  size_t LowerBound(std::string_view key, uint64_t sequence) const;

 private:
  SortedChunk(const std::byte* image, size_t size, size_t shared);

  // A chunk of `size` records yet to be filled in.
  static absl::StatusOr<std::shared_ptr<SortedChunk>> New(
      const std::byte* image, size_t size, size_t shared);

  MemoryRecord At(uint32_t place) const {
    return MemoryRecord(image_ + uint64_t{place} * kAlignmentBytes);
  }

  const std::byte* const image_;
  const size_t size_;
  const size_t shared_;  // bytes that all keys share at their start
  std::unique_ptr<uint64_t[]> words_;
  std::unique_ptr<uint32_t[]> places_;
};

// A cursor over `chunk`.
std::unique_ptr<EntryCursor> NewChunkCursor(
    std::shared_ptr<const SortedChunk> chunk);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_SORTED_CHUNK_H_
