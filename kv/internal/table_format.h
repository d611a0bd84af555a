// The frame of a table file: footer and list of segments, and what the kinds of
// pages have in common. kv/FORMAT.md, "Table files", is normative.
#ifndef QUIRE_KV_INTERNAL_TABLE_FORMAT_H_
#define QUIRE_KV_INTERNAL_TABLE_FORMAT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kv/internal/format.h"

namespace quire::kv_internal {

// A sealed segment that a table indexes. Entries name segments by their place
// in the table's list: run-local addresses count slots over the lengths.
struct TableSegment {
  uint64_t number = 0;
  uint64_t id = 0;
  uint64_t length_bytes = 0;  // when it was sealed
  friend bool operator==(const TableSegment&, const TableSegment&) = default;
};

// The last page of a table file. Offsets and lengths in bytes.
struct TableFooter {
  uint64_t table_id = 0;      // as in the header page
  uint64_t length_bytes = 0;  // of the whole file
  uint64_t entry_count = 0;
  uint64_t key_count = 0;  // distinct keys
  uint64_t tombstone_count = 0;
  uint64_t min_sequence = 0;  // of the entries; 0 if there are none
  uint64_t max_sequence = 0;
  uint64_t hash_seed = 0;
  uint64_t sorted_offset = 0;  // first block
  uint64_t sorted_bytes = 0;
  uint64_t fence_offset = 0;
  uint64_t fence_bytes = 0;  // zeros up to a page included
  uint64_t fence_count = 0;  // = number of blocks
  uint64_t fence_check = 0;
  uint64_t hash_offset = 0;
  uint64_t hash_page_count = 0;
  uint64_t segments_offset = 0;
  uint64_t segments_bytes = 0;  // zeros up to a page included
  uint64_t segment_count = 0;
  uint64_t segments_check = 0;
  friend bool operator==(const TableFooter&, const TableFooter&) = default;
};

inline constexpr size_t kTableSegmentBytes = 24;

// Writes the footer page, kPageBytes, to `out`.
void EncodeTableFooter(const TableFooter& footer, std::byte* out);

// Decodes and verifies the footer page of the table `table_id` of
// `length_bytes`, and that its sections lie one behind the other within the
// file. DataLoss naming `path`. REQUIRES: page.size() == kPageBytes.
absl::StatusOr<TableFooter> DecodeTableFooter(std::span<const std::byte> page,
                                              uint64_t table_id,
                                              uint64_t length_bytes,
                                              const std::string& path);

// The list of segments as it stands in the file, padded to a page.
std::vector<std::byte> EncodeTableSegments(
    std::span<const TableSegment> segments);

// Decodes and verifies the list. DataLoss naming `path`.
// REQUIRES: bytes.size() == footer.segments_bytes.
absl::StatusOr<std::vector<TableSegment>> DecodeTableSegments(
    std::span<const std::byte> bytes, const TableFooter& footer,
    const std::string& path);

// XXH3 of the bytes of a page or section that stands at `offset` in the table
// `table_id`: one that is stale, misplaced or swapped does not pass.
uint64_t TableCheck(std::span<const std::byte> bytes, uint64_t table_id,
                    uint64_t offset);

// "PATH: offset N: KIND is damaged: checksum 0x..., computed 0x...".
absl::Status DamagedTableError(const std::string& path, uint64_t offset,
                               std::string_view kind, uint64_t stored,
                               uint64_t computed);

// The same for what a checksum does not show: "PATH: offset N: KIND is damaged:
// WHY".
absl::Status DamagedTableError(const std::string& path, uint64_t offset,
                               std::string_view kind, std::string_view why);

// `bytes` rounded up to whole pages.
constexpr uint64_t RoundUpToPage(uint64_t bytes) {
  return (bytes + kPageBytes - 1) & ~(kPageBytes - 1);
}

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_TABLE_FORMAT_H_
