// Blocks of a sorted section: entries in key order, keys without the part that
// they share with the key before. kv/FORMAT.md, "Table files", is normative.
//
//    0  u64 check         TableCheck of all that follows in the block
//    8  u16 entry count   at least 1
//   10  u16 restart count one for each kRestartInterval entries begun
//   12  u16 unit count    length of the block in units of kSortedBlockBytes
//   14  u16 zero
//   16  entries, zeros, and at the block's end for each restart the u16 offset
//       in the block of the entry that stands there
//
//   entry: varint shared, varint rest, the last `rest` bytes of the key,
//          varint sequence - base, varint (0: tombstone, else value size + 1),
//          5 bytes address
//
// An entry at a restart shares 0 bytes. A block is longer than one unit only if
// its first entry needs it; such a block has one restart.
#ifndef QUIRE_KV_INTERNAL_SORTED_BLOCK_H_
#define QUIRE_KV_INTERNAL_SORTED_BLOCK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "kv/internal/format.h"
#include "kv/internal/index_entry.h"
#include "kv/internal/record.h"

namespace quire::kv_internal {

inline constexpr size_t kSortedBlockHeaderBytes = 16;
inline constexpr size_t kRestartInterval = 16;
inline constexpr size_t kMaxKeyBytes = 65535;
// A block of one entry with the longest key.
inline constexpr uint64_t kMaxUnitsPerBlock =
    kMaxKeyBytes / kSortedBlockBytes + 2;

// Lays out one block after the other.
class SortedBlockBuilder {
 public:
  SortedBlockBuilder();

  bool empty() const { return entry_count_ == 0; }

  // Adds an entry, whose key shares its first `shared` bytes with the key added
  // before. Returns false if the block has no room: finish it first. An empty
  // block has room for any entry.
  // REQUIRES: key.size() <= kMaxKeyBytes; `record` within the format's limits.
  bool Add(std::string_view key, size_t shared, uint64_t sequence_offset,
           const RecordRef& record);

  // Completes the block, which stands at `offset` in the file of the table
  // `table_id`. The bytes are valid until the next call of Reset.
  std::span<const std::byte> Finish(uint64_t table_id, uint64_t offset);

  // Begins the next block.
  void Reset();

 private:
  std::vector<std::byte> block_;  // whole units
  size_t end_ = 0;                // of the entries
  size_t entry_count_ = 0;
  std::vector<uint16_t> restarts_;
};

// Bytes of the block that begins at `bytes`, as it says itself; from one unit
// to the longest block whatever the bytes are. REQUIRES: bytes.size() >=
// kSortedBlockHeaderBytes.
uint64_t SortedBlockLength(std::span<const std::byte> bytes);

// The checksum of a block as it is and as it should be.
struct SortedBlockCheck {
  uint64_t stored = 0;
  uint64_t computed = 0;
  bool ok() const { return stored == computed; }
};
SortedBlockCheck CheckSortedBlock(std::span<const std::byte> block,
                                  uint64_t table_id, uint64_t offset);

// A block to read from. Whatever the bytes are, nothing outside of them is
// touched. The bytes are the caller's and must outlive it.
class SortedBlock {
 public:
  SortedBlock() = default;

  // Takes a block whose checksum was verified. Returns false if its header
  // contradicts itself or the block's length.
  [[nodiscard]] bool Init(std::span<const std::byte> block);

  // Groups of up to kRestartInterval entries, one for each restart.
  size_t group_count() const { return group_count_; }
  size_t GroupSize(size_t group) const;

  const std::byte* end() const { return block_.data() + block_.size(); }

  // Where the entries of `group` begin and end; false if that lies outside.
  [[nodiscard]] bool GroupBytes(size_t group,
                                std::span<const std::byte>* bytes) const;

  // The first key of `group`, as it stands in the block; false if it does not
  // lie within.
  [[nodiscard]] bool FirstKey(size_t group, std::string_view* key) const;

 private:
  std::span<const std::byte> block_;
  size_t entry_count_ = 0;
  size_t group_count_ = 0;
  const std::byte* restarts_ = nullptr;
};

// The entries of one group, decoded: keys are whole again. Reused from group to
// group so that memory is allocated rarely.
class SortedGroup {
 public:
  SortedGroup();

  // Returns false if the bytes are no group, or entries don't ascend; the group
  // is then empty. The sequence numbers in the block count from
  // `first_sequence`.
  [[nodiscard]] bool Decode(const SortedBlock& block, size_t group,
                            uint64_t first_sequence);

  // Valid until the next Decode.
  std::span<const IndexEntry> entries() const {
    return {entries_.data(), size_};
  }

 private:
  size_t size_ = 0;
  std::array<IndexEntry, kRestartInterval> entries_;
  std::vector<char> keys_;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_SORTED_BLOCK_H_
