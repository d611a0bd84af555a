#include "kv/internal/table_builder.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "cache/huge_buffer.h"
#include "io/file_system.h"
#include "kv/internal/file_header.h"
#include "kv/internal/format.h"
#include "kv/internal/hash_section.h"
#include "kv/internal/hash_section_builder.h"
#include "kv/internal/key_hash.h"
#include "kv/internal/record.h"
#include "kv/internal/sorted_block.h"
#include "kv/internal/sorted_section_scan.h"
#include "kv/internal/table_format.h"

namespace quire::kv_internal {
namespace {

// Entries kept in one piece of memory: 1 MiB.
constexpr size_t kHashedPerChunk = size_t{64} << 10;

// Entries given at a time when they are read again: they stay in a cache.
constexpr size_t kHashedPerTake = 2048;

// Where the addresses of a run with these segments end.
uint64_t AddressLimit(const std::vector<TableSegment>& segments) {
  uint64_t slots = 0;
  for (const TableSegment& segment : segments) {
    slots += segment.length_bytes / kSlotBytes +
             (segment.length_bytes % kSlotBytes != 0);
  }
  return slots << kSlotUnitBits;
}

absl::Status CheckSegments(const TableSpec& spec) {
  if (AddressLimit(spec.segments) > kMaxSlots << kSlotUnitBits) {
    return absl::InvalidArgumentError(
        absl::StrCat(spec.path, ": the segments of one table exceed ",
                     kMaxSlots * kSlotBytes, " bytes"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<TableBuilder>> TableBuilder::Create(
    io::FileSystem& file_system, TableSpec spec) {
  if (spec.header.type != FileType::kTable) {
    return absl::InvalidArgumentError(
        absl::StrCat(spec.path, ": not the header of a table"));
  }
  QUIRE_RETURN_IF_ERROR(CheckSegments(spec));
  QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<io::WritableFile> file,
                         file_system.CreateFile(spec.path));
  auto builder = absl::WrapUnique(
      new TableBuilder(file_system, std::move(file), std::move(spec)));
  std::array<std::byte, kPageBytes> page;
  EncodeFileHeader(builder->spec_.header, page.data());
  QUIRE_RETURN_IF_ERROR(builder->writer_.Append(page));
  builder->sorted_.emplace(builder->writer_, builder->spec_.header.file_id);
  return builder;
}

TableBuilder::TableBuilder(io::FileSystem& file_system,
                           std::unique_ptr<io::WritableFile> file,
                           TableSpec spec)
    : file_system_(file_system),
      spec_(std::move(spec)),
      writer_(std::move(file)) {}

absl::Status TableBuilder::CheckRange(const TableEntry& entry) const {
  std::string_view wrong;
  if (entry.key.size() > kMaxKeyBytes) {
    wrong = "key size";
  } else if (entry.sequence < spec_.header.first_sequence ||
             entry.sequence > kMaxSequence) {
    wrong = "sequence number";
  } else if (entry.value_size > (entry.tombstone ? 0 : kLargestValueBytes)) {
    wrong = "value size";
  } else if (entry.address >= kMaxSlots << kSlotUnitBits) {
    wrong = "address";
  } else {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      spec_.path, ": table entry out of range: ", base::AbslView(wrong)));
}

absl::Status TableBuilder::Add(const TableEntry& entry) {
  QUIRE_DCHECK(entry.hash == HashKey(entry.key, spec_.hash_seed));
  QUIRE_RETURN_IF_ERROR(status_);
  status_ = CheckRange(entry);
  const RecordRef record = {.address = entry.address,
                            .tombstone = entry.tombstone,
                            .value_size = entry.value_size};
  if (status_.ok()) {
    status_ = sorted_->Add(
        entry.key, entry.sequence - spec_.header.first_sequence, record);
  }
  QUIRE_RETURN_IF_ERROR(status_);
  KeepForHashSection(
      entry.hash,
      PackHashEntry(entry.hash, record.Class(entry.key.size()), entry.address));
  const bool first = footer_.entry_count == 0;
  footer_.min_sequence =
      first ? entry.sequence : std::min(footer_.min_sequence, entry.sequence);
  footer_.max_sequence = std::max(footer_.max_sequence, entry.sequence);
  footer_.tombstone_count += entry.tombstone;
  largest_address_ = std::max(largest_address_, entry.address);
  ++footer_.entry_count;
  return absl::OkStatus();
}

void TableBuilder::KeepForHashSection(uint64_t hash, uint64_t entry) {
  if (!keeps_hashed_) return;
  if (hashed_.empty() || hashed_.back().size() == kHashedPerChunk) {
    const uint64_t count = (hashed_.size() + 1) * kHashedPerChunk;
    if (count * sizeof(HashedEntry) + HashPageCount(count) * kPageBytes >
        spec_.build_memory_bytes) {
      keeps_hashed_ = false;
      std::vector<std::vector<HashedEntry>>().swap(hashed_);
      return;
    }
    hashed_.emplace_back().reserve(kHashedPerChunk);
  }
  hashed_.back().push_back({hash, entry});
}

absl::StatusOr<FinishedTable> TableBuilder::Finish() {
  QUIRE_RETURN_IF_ERROR(status_);
  absl::StatusOr<FinishedTable> table = WriteRest();
  status_ = table.ok() ? absl::FailedPreconditionError(absl::StrCat(
                             spec_.path, ": the table is finished"))
                       : table.status();
  return table;
}

absl::Status TableBuilder::AddSegment(const TableSegment& segment) {
  QUIRE_RETURN_IF_ERROR(status_);
  spec_.segments.push_back(segment);
  return status_ = CheckSegments(spec_);
}

absl::StatusOr<FinishedTable> TableBuilder::WriteRest() {
  if (footer_.entry_count > 0 &&
      largest_address_ >= AddressLimit(spec_.segments)) {
    return absl::InvalidArgumentError(
        absl::StrCat(spec_.path, ": an entry's address ", largest_address_,
                     " lies outside of the table's segments"));
  }
  footer_.table_id = spec_.header.file_id;
  footer_.hash_seed = spec_.hash_seed;
  footer_.key_count = sorted_->key_count();
  QUIRE_RETURN_IF_ERROR(sorted_->Finish(footer_));

  footer_.hash_offset = writer_.offset();
  footer_.hash_page_count = HashPageCount(footer_.entry_count);
  FinishedTable table;
  if (footer_.hash_page_count > 0) {
    QUIRE_ASSIGN_OR_RETURN(table.hash_image, WriteHashSection());
  }

  const std::vector<std::byte> segments = EncodeTableSegments(spec_.segments);
  footer_.segments_offset = writer_.offset();
  footer_.segments_bytes = segments.size();
  footer_.segment_count = spec_.segments.size();
  footer_.segments_check =
      TableCheck(segments, footer_.table_id, footer_.segments_offset);
  QUIRE_RETURN_IF_ERROR(writer_.Append(segments));

  footer_.length_bytes = writer_.offset() + kPageBytes;
  std::array<std::byte, kPageBytes> page;
  EncodeTableFooter(footer_, page.data());
  QUIRE_RETURN_IF_ERROR(writer_.Append(page));
  QUIRE_RETURN_IF_ERROR(writer_.Finish());
  table.info = {.length_bytes = footer_.length_bytes,
                .digest = writer_.digest(),
                .entry_count = footer_.entry_count,
                .key_count = footer_.key_count,
                .tombstone_count = footer_.tombstone_count,
                .min_sequence = footer_.min_sequence,
                .max_sequence = footer_.max_sequence};
  return table;
}

absl::StatusOr<cache::HugeBuffer> TableBuilder::WriteHashSection() {
  const HashSectionPlace place = {.table_id = footer_.table_id,
                                  .offset = footer_.hash_offset,
                                  .page_count = footer_.hash_page_count};
  const uint64_t bytes = place.page_count * kPageBytes;
  cache::HugeBuffer image;
  if (keeps_hashed_) {
    QUIRE_ASSIGN_OR_RETURN(
        image, BuildHashSection(place, [this](TakeHashedEntries take) {
          return TakeKept(take);
        }));
  } else {
    QUIRE_RETURN_IF_ERROR(writer_.WriteGathered());
    QUIRE_ASSIGN_OR_RETURN(
        const std::unique_ptr<io::ReadableFile> file,
        file_system_.OpenFile(spec_.path, io::OpenMode::kBuffered));
    const auto read_again = [&](TakeHashedEntries take) {
      return ReadAgain(*file, take);
    };
    if (bytes > spec_.build_memory_bytes) {
      QUIRE_RETURN_IF_ERROR(WriteHashSectionByRanges(
          place, spec_.build_memory_bytes, read_again, writer_));
      return image;
    }
    QUIRE_ASSIGN_OR_RETURN(image, BuildHashSection(place, read_again));
  }
  QUIRE_RETURN_IF_ERROR(writer_.Append(image.bytes().first(bytes)));
  return image;
}

absl::Status TableBuilder::TakeKept(TakeHashedEntries take) {
  for (std::vector<HashedEntry>& chunk : hashed_) {
    take(chunk);
    std::vector<HashedEntry>().swap(chunk);
  }
  return absl::OkStatus();
}

absl::Status TableBuilder::ReadAgain(const io::ReadableFile& file,
                                     TakeHashedEntries take) {
  std::vector<HashedEntry> entries;
  QUIRE_RETURN_IF_ERROR(ScanSortedSection(
      file, footer_, spec_.header.first_sequence,
      [&](const SortedGroup& group) {
        for (const IndexEntry& entry : group.entries()) {
          const uint64_t hash = HashKey(entry.key, spec_.hash_seed);
          entries.push_back(
              {hash, PackHashEntry(hash, entry.record.Class(entry.key.size()),
                                   entry.record.address)});
        }
        if (entries.size() >= kHashedPerTake) {
          take(entries);
          entries.clear();
        }
      }));
  if (!entries.empty()) take(entries);
  return absl::OkStatus();
}

}  // namespace quire::kv_internal
