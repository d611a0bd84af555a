#include "kv/internal/sorted_section_scan.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "base/status_macros.h"
#include "io/file_system.h"
#include "kv/internal/format.h"
#include "kv/internal/sorted_block.h"
#include "kv/internal/table_format.h"

namespace quire::kv_internal {
namespace {

constexpr uint64_t kPieceBytes = uint64_t{1} << 20;
static_assert(kPieceBytes >= kMaxUnitsPerBlock * kSortedBlockBytes);
constexpr std::string_view kBlockKind = "sorted block";

// Verifies the block that stands at `offset` and gives its groups.
absl::Status TakeBlock(std::span<const std::byte> bytes, uint64_t offset,
                       const io::ReadableFile& file, const TableFooter& footer,
                       uint64_t first_sequence,
                       absl::FunctionRef<void(const SortedGroup&)> take,
                       SortedGroup& group) {
  const SortedBlockCheck check =
      CheckSortedBlock(bytes, footer.table_id, offset);
  if (!check.ok()) {
    return DamagedTableError(file.path(), offset, kBlockKind, check.stored,
                             check.computed);
  }
  SortedBlock block;
  bool well_formed = block.Init(bytes);
  for (size_t i = 0; well_formed && i < block.group_count(); ++i) {
    well_formed = group.Decode(block, i, first_sequence);
    if (well_formed) take(group);
  }
  return well_formed ? absl::OkStatus()
                     : DamagedTableError(file.path(), offset, kBlockKind,
                                         "its entries make no sense");
}

}  // namespace

absl::Status ScanSortedSection(
    const io::ReadableFile& file, const TableFooter& footer,
    uint64_t first_sequence, absl::FunctionRef<void(const SortedGroup&)> take) {
  std::vector<std::byte> piece;
  SortedGroup group;
  const uint64_t end = footer.sorted_offset + footer.sorted_bytes;
  for (uint64_t offset = footer.sorted_offset; offset < end;) {
    piece.resize(std::min(kPieceBytes, end - offset));
    QUIRE_RETURN_IF_ERROR(file.ReadAt(offset, piece));
    std::span<const std::byte> left = piece;
    while (!left.empty()) {
      // A length that isn't true fails the check.
      const uint64_t length = std::min(SortedBlockLength(left), end - offset);
      // A block that the piece cuts begins the next one.
      if (length > left.size()) break;
      QUIRE_RETURN_IF_ERROR(TakeBlock(left.first(length), offset, file, footer,
                                      first_sequence, take, group));
      left = left.subspan(length);
      offset += length;
    }
  }
  return absl::OkStatus();
}

}  // namespace quire::kv_internal
