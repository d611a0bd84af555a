// Reading the blocks of a sorted section, some ahead where they are read in a
// row.
#ifndef QUIRE_KV_INTERNAL_BLOCK_WINDOW_H_
#define QUIRE_KV_INTERNAL_BLOCK_WINDOW_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "io/page_provider.h"
#include "kv/internal/fence_index.h"
#include "kv/internal/format.h"
#include "kv/internal/sorted_block.h"
#include "kv/internal/table_reader.h"

namespace quire::kv_internal {

// Holds the pins of up to kMaxBlocks neighbouring blocks. One thread at a time.
class BlockWindow {
 public:
  // Blocks read by one Read: 1, then twice as many as before up to this.
  static constexpr uint64_t kMaxBlocks = 32;

  // `table` must outlive it.
  BlockWindow(const TableReader& table, io::CachePolicy policy)
      : table_(table), policy_(policy) {}

  // Says that the next Load doesn't go on from the one before: unless reads are
  // to leave no trace (kReadOnce), its block is looked for in memory first, and
  // read as one that is worth keeping.
  void Restart();

  // The block, verified; valid until the next Load. Reads it, and more behind
  // it (or before it, when the loads go backwards), unless it was read already.
  // DataLoss naming file, offset and checksums, or the provider's error.
  // REQUIRES: block < fences.block_count(); always the same `fences`.
  absl::StatusOr<SortedBlock> Load(const FenceIndex& fences, uint64_t block);

  // DataLoss for a block whose checksum is right and whose content isn't.
  absl::Status MalformedError(const FenceIndex& fences, uint64_t block) const;

 private:
  enum class Direction : uint8_t { kNone, kForward, kBackward };

  struct Slot {
    bool verified = false;
    SortedBlock block;
  };

  uint64_t Offset(const FenceIndex& fences, uint64_t block) const;
  bool Holds(uint64_t block) const {
    return block >= first_ && block - first_ < requests_.size();
  }

  // Makes `block` the only one of the window, without reading: false unless it
  // is in memory and whole.
  bool Peek(const FenceIndex& fences, uint64_t block);
  // Reads the window that holds `block` next.
  void Advance(const FenceIndex& fences, uint64_t block);
  void Read(const FenceIndex& fences, uint64_t first, uint64_t count,
            io::CachePolicy policy);
  // Empties the window and makes it that of `count` blocks from `first` on.
  void Place(const FenceIndex& fences, uint64_t first, uint64_t count);
  // Verifies a block that the window holds.
  absl::Status Verify(const FenceIndex& fences, uint64_t block);

  const TableReader& table_;
  const io::CachePolicy policy_;
  uint64_t first_ = 0;  // block
  std::vector<io::ReadRequest> requests_;
  std::vector<Slot> slots_;  // beside requests_
  // The block that Peek found; the window has no pin then.
  std::array<std::byte, kSortedBlockBytes> copy_;
  bool restarted_ = true;
  Direction direction_ = Direction::kNone;
  uint64_t ahead_ = 1;  // blocks of the last window in this direction
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_BLOCK_WINDOW_H_
