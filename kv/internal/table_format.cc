#include "kv/internal/table_format.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/check.h"
#include "base/string_view.h"
#include "kv/internal/checksum.h"
#include "kv/internal/format.h"
#include "kv/internal/little_endian.h"
#include "kv/internal/record.h"

namespace quire::kv_internal {
namespace {

constexpr char kFooterMagic[] = "QUIREFTR";
constexpr size_t kMagicBytes = 8;
constexpr size_t kFooterCheckAt = kPageBytes - sizeof(uint64_t);
constexpr std::string_view kFooterKind = "table footer";

// The numbers of the footer in the order in which they follow the magic.
constexpr uint64_t TableFooter::*kFooterFields[] = {
    &TableFooter::table_id,        &TableFooter::length_bytes,
    &TableFooter::entry_count,     &TableFooter::key_count,
    &TableFooter::tombstone_count, &TableFooter::min_sequence,
    &TableFooter::max_sequence,    &TableFooter::hash_seed,
    &TableFooter::sorted_offset,   &TableFooter::sorted_bytes,
    &TableFooter::fence_offset,    &TableFooter::fence_bytes,
    &TableFooter::fence_count,     &TableFooter::fence_check,
    &TableFooter::hash_offset,     &TableFooter::hash_page_count,
    &TableFooter::segments_offset, &TableFooter::segments_bytes,
    &TableFooter::segment_count,   &TableFooter::segments_check,
};
static_assert(sizeof(TableFooter) ==
              std::size(kFooterFields) * sizeof(uint64_t));

// Why the sections of a footer can't be those of a file, or "".
std::string_view MisplacedSection(const TableFooter& footer) {
  // No sum below overflows once each part is at most the file's length.
  const uint64_t length = footer.length_bytes;
  for (const uint64_t part :
       {footer.sorted_bytes, footer.fence_bytes, footer.segments_bytes}) {
    if (part > length || part % kPageBytes != 0) return "section length";
  }
  if (footer.hash_page_count > length / kPageBytes) return "hash page count";
  uint64_t end = kPageBytes;
  if (footer.sorted_offset != end || footer.sorted_bytes % kSortedBlockBytes) {
    return "sorted section's place";
  }
  end += footer.sorted_bytes;
  if (footer.fence_offset != end) return "fence section's place";
  end += footer.fence_bytes;
  if (footer.hash_offset != end) return "hash section's place";
  end += footer.hash_page_count * kPageBytes;
  if (footer.segments_offset != end) return "segment list's place";
  end += footer.segments_bytes;
  if (end + kPageBytes != length) return "length";
  const bool empty = footer.entry_count == 0;
  if ((footer.hash_page_count == 0) != empty ||
      (footer.fence_count == 0) != empty) {
    return "entry count";
  }
  if (footer.segment_count > footer.segments_bytes / kTableSegmentBytes) {
    return "segment count";
  }
  return "";
}

}  // namespace

void EncodeTableFooter(const TableFooter& footer, std::byte* out) {
  std::fill_n(out, kPageBytes, std::byte{0});
  std::memcpy(out, kFooterMagic, kMagicBytes);
  std::byte* to = out + kMagicBytes;
  for (const auto field : kFooterFields) {
    StoreLittleEndian(footer.*field, to);
    to += sizeof(uint64_t);
  }
  StoreLittleEndian(TableCheck({out, kFooterCheckAt}, footer.table_id,
                               footer.length_bytes - kPageBytes),
                    out + kFooterCheckAt);
}

absl::StatusOr<TableFooter> DecodeTableFooter(std::span<const std::byte> page,
                                              uint64_t table_id,
                                              uint64_t length_bytes,
                                              const std::string& path) {
  QUIRE_CHECK(page.size() == kPageBytes && length_bytes >= kPageBytes);
  const uint64_t offset = length_bytes - kPageBytes;
  const auto stored = LoadLittleEndian<uint64_t>(page.data() + kFooterCheckAt);
  const uint64_t computed =
      TableCheck(page.first(kFooterCheckAt), table_id, offset);
  if (stored != computed) {
    return DamagedTableError(path, offset, kFooterKind, stored, computed);
  }
  if (std::memcmp(page.data(), kFooterMagic, kMagicBytes) != 0) {
    return DamagedTableError(path, offset, kFooterKind, "magic");
  }
  TableFooter footer;
  const std::byte* from = page.data() + kMagicBytes;
  for (const auto field : kFooterFields) {
    footer.*field = LoadLittleEndian<uint64_t>(from);
    from += sizeof(uint64_t);
  }
  if (footer.table_id != table_id) {
    return DamagedTableError(path, offset, kFooterKind, "table id");
  }
  if (footer.length_bytes != length_bytes) {
    return DamagedTableError(path, offset, kFooterKind, "length");
  }
  const std::string_view misplaced = MisplacedSection(footer);
  if (!misplaced.empty()) {
    return DamagedTableError(path, offset, kFooterKind, misplaced);
  }
  return footer;
}

std::vector<std::byte> EncodeTableSegments(
    std::span<const TableSegment> segments) {
  std::vector<std::byte> bytes(
      RoundUpToPage(segments.size() * kTableSegmentBytes));
  std::byte* to = bytes.data();
  for (const TableSegment& segment : segments) {
    StoreLittleEndian(segment.number, to);
    StoreLittleEndian(segment.id, to + 8);
    StoreLittleEndian(segment.length_bytes, to + 16);
    to += kTableSegmentBytes;
  }
  return bytes;
}

absl::StatusOr<std::vector<TableSegment>> DecodeTableSegments(
    std::span<const std::byte> bytes, const TableFooter& footer,
    const std::string& path) {
  QUIRE_CHECK(bytes.size() == footer.segments_bytes);
  const uint64_t computed =
      TableCheck(bytes, footer.table_id, footer.segments_offset);
  if (computed != footer.segments_check) {
    return DamagedTableError(path, footer.segments_offset,
                             "table's segment list", footer.segments_check,
                             computed);
  }
  std::vector<TableSegment> segments(footer.segment_count);
  const std::byte* from = bytes.data();
  for (TableSegment& segment : segments) {
    segment.number = LoadLittleEndian<uint64_t>(from);
    segment.id = LoadLittleEndian<uint64_t>(from + 8);
    segment.length_bytes = LoadLittleEndian<uint64_t>(from + 16);
    from += kTableSegmentBytes;
  }
  return segments;
}

uint64_t TableCheck(std::span<const std::byte> bytes, uint64_t table_id,
                    uint64_t offset) {
  return Checksum(bytes, RecordPlace{table_id, offset}.Seed());
}

absl::Status DamagedTableError(const std::string& path, uint64_t offset,
                               std::string_view kind, uint64_t stored,
                               uint64_t computed) {
  return DamagedTableError(
      path, offset, kind,
      absl::StrFormat("checksum 0x%016x, computed 0x%016x", stored, computed));
}

absl::Status DamagedTableError(const std::string& path, uint64_t offset,
                               std::string_view kind, std::string_view why) {
  return absl::DataLossError(
      absl::StrCat(path, ": offset ", offset, ": ", base::AbslView(kind),
                   " is damaged: ", base::AbslView(why)));
}

}  // namespace quire::kv_internal
