// The fences of a sorted section: for each block the shortest key that tells it
// from the block before, and where the block is. kv/FORMAT.md, "Table files".
#ifndef QUIRE_KV_INTERNAL_FENCE_INDEX_H_
#define QUIRE_KV_INTERNAL_FENCE_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kv/internal/sorted_block.h"
#include "kv/internal/table_format.h"

namespace quire::kv_internal {

// Collects the fences while the blocks are written.
class FenceBuilder {
 public:
  // A block begins at unit `unit` (of kSortedBlockBytes) with the key `first`;
  // `last` is the last key of the block before, ignored for the first block.
  void Add(uint64_t unit, std::string_view last, std::string_view first);

  uint64_t count() const { return fences_.size(); }

  // The section as it stands in the file, padded to a page; empty if there are
  // no blocks. `unit_count`: units that all blocks take.
  std::vector<std::byte> Finish(uint64_t unit_count);

 private:
  struct Fence {
    uint64_t unit;
    uint64_t key;  // offset in keys_; bit 63: "continued"
  };
  std::vector<Fence> fences_;
  std::string keys_;
};

// The fences in memory, in one piece. Immutable; thread-safe.
class FenceIndex {
 public:
  // Takes the section's bytes, footer.fence_bytes of them, and verifies them.
  // DataLoss naming `path`.
  static absl::StatusOr<std::unique_ptr<FenceIndex>> Make(
      std::unique_ptr<std::byte[]> bytes, const TableFooter& footer,
      const std::string& path);

  uint64_t block_count() const { return count_; }

  // The block that holds the first entry with a key >= `target`, if it is not
  // the first entry of the block behind. 0 if there are no blocks.
  uint64_t BlockForSeek(std::string_view target) const;

  // The block that holds the last entry with a key <= `target`, if it is not
  // the last entry of the block before.
  uint64_t BlockForSeekForPrev(std::string_view target) const;

  // Of block `index`, in units of kSortedBlockBytes from the section's start.
  uint64_t unit(uint64_t index) const;
  uint64_t unit_count(uint64_t index) const {
    return unit(index + 1) - unit(index);
  }

  uint64_t memory_bytes() const { return memory_bytes_; }

 private:
  FenceIndex(std::unique_ptr<std::byte[]> bytes, uint64_t count,
             uint64_t memory_bytes)
      : bytes_(std::move(bytes)), count_(count), memory_bytes_(memory_bytes) {}

  // Whether the fences name blocks and keys within the sections only.
  bool IsWithin(const TableFooter& footer) const;

  uint64_t key_word(uint64_t index) const;
  uint64_t key_offset(uint64_t index) const;
  std::string_view key(uint64_t index) const;
  // Whether the last key before block `index` is also its first one.
  bool continued(uint64_t index) const;

  const std::unique_ptr<std::byte[]> bytes_;
  const uint64_t count_;
  const uint64_t memory_bytes_;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_FENCE_INDEX_H_
