#include "tests/fuzz/repair_checks.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "kv/internal/checksum.h"
#include "kv/internal/current_file.h"
#include "kv/internal/format.h"
#include "kv/internal/group.h"
#include "kv/internal/hash_section.h"
#include "kv/internal/little_endian.h"
#include "kv/internal/record.h"
#include "kv/internal/sorted_block.h"
#include "kv/internal/table_format.h"

namespace quire::testing {
namespace {

using kv_internal::Checksum;
using kv_internal::kGroupHeaderBytes;
using kv_internal::kPageBytes;
using kv_internal::kRecordHeaderBytes;
using kv_internal::LoadLittleEndian;
using kv_internal::RecordPlace;
using kv_internal::StoreLittleEndian;

constexpr size_t kFileIdAt = 16;  // in a header page
constexpr size_t kCheckBytes = 8;

// Repairs the record at `at` of `file`, made to end by `end`. Returns its
// length; 0 if there is no room for one.
uint64_t RepairRecord(std::span<std::byte> file, uint64_t file_id, uint64_t at,
                      uint64_t end) {
  if (end - at < kRecordHeaderBytes) return 0;
  std::byte* const header = file.data() + at;
  const uint64_t room = end - at - kRecordHeaderBytes;
  const uint64_t key_size =
      std::min<uint64_t>(LoadLittleEndian<uint16_t>(header + 10), room);
  const uint64_t value_size = std::min<uint64_t>(
      LoadLittleEndian<uint32_t>(header + 12), room - key_size);
  StoreLittleEndian(static_cast<uint16_t>(key_size), header + 10);
  StoreLittleEndian(static_cast<uint32_t>(value_size), header + 12);
  const auto* body = reinterpret_cast<const char*>(header) + kRecordHeaderBytes;
  const RecordPlace place = {file_id, at};
  const uint64_t check = kv_internal::BodyCheck(
      {body, key_size}, {body + key_size, value_size}, place);
  StoreLittleEndian(static_cast<uint32_t>(check), header + 4);
  StoreLittleEndian(static_cast<uint16_t>(check >> 32), header + 8);
  StoreLittleEndian(static_cast<uint32_t>(Checksum(
                        {header + 4, kRecordHeaderBytes - 4}, place.Seed())),
                    header);
  const uint64_t length =
      std::min(kv_internal::RecordBytes(key_size, value_size), end - at);
  std::fill(header + kRecordHeaderBytes + key_size + value_size,
            header + length, std::byte{0});
  return length;
}

// Repairs the group at `at`. Returns its check and sets `*length`.
uint64_t RepairGroup(std::span<std::byte> file, uint64_t file_id, uint64_t at,
                     uint64_t previous_check, uint64_t* length) {
  std::byte* const bytes = file.data() + at;
  const uint64_t most = (file.size() - at) / 8 * 8;
  *length = LoadLittleEndian<uint64_t>(bytes + 8) / 8 * 8;
  if (*length < kGroupHeaderBytes || *length > most) *length = most;
  kv_internal::ContentsCheck contents(RecordPlace{file_id, at});
  uint32_t count = 0;
  const uint64_t end = at + *length;
  for (uint64_t pos = at + kGroupHeaderBytes; pos < end;) {
    const uint64_t left = kPageBytes - pos % kPageBytes;
    if (left < kRecordHeaderBytes) {
      std::fill_n(file.data() + pos, std::min(left, end - pos), std::byte{0});
      pos += left;
      continue;
    }
    const uint64_t record = RepairRecord(file, file_id, pos, end);
    if (record == 0) break;
    const auto kind = static_cast<kv_internal::RecordKind>(file[pos + 16]);
    if (kind != kv_internal::RecordKind::kPadding) {
      contents.Add(file.data() + pos);
      ++count;
    }
    pos += record;
  }
  kv_internal::GroupHeader header;
  header.file_id = file_id;
  header.length = *length;
  header.record_count = count;
  header.synced_upto = {LoadLittleEndian<uint64_t>(bytes + 24),
                        LoadLittleEndian<uint64_t>(bytes + 32)};
  header.last_sequence = LoadLittleEndian<uint64_t>(bytes + 40);
  header.previous_check = previous_check;
  header.contents_check = contents.value();
  kv_internal::EncodeGroupHeader(header, at, bytes);
  return header.check;
}

// Whether [offset, offset + length) lies within `size` bytes.
bool IsWithin(uint64_t offset, uint64_t length, uint64_t size) {
  return offset <= size && length <= size - offset;
}

void RepairBlocks(std::span<std::byte> file,
                  const kv_internal::TableFooter& footer) {
  if (!IsWithin(footer.sorted_offset, footer.sorted_bytes, file.size())) return;
  const uint64_t end = footer.sorted_offset + footer.sorted_bytes;
  for (uint64_t at = footer.sorted_offset;
       end - at >= kv_internal::kSortedBlockBytes;) {
    const std::span<std::byte> rest = file.subspan(at, end - at);
    const uint64_t length =
        std::min<uint64_t>(kv_internal::SortedBlockLength(rest), rest.size());
    StoreLittleEndian(
        kv_internal::CheckSortedBlock(rest.first(length), footer.table_id, at)
            .computed,
        rest.data());
    at += length;
  }
}

void RepairHashPages(std::span<std::byte> file,
                     const kv_internal::TableFooter& footer) {
  for (uint64_t i = 0; i < footer.hash_page_count; ++i) {
    const uint64_t at = footer.hash_offset + i * kPageBytes;
    if (!IsWithin(at, kPageBytes, file.size())) return;
    kv_internal::SealHashPage(file.data() + at, i, footer.table_id, at);
  }
}

}  // namespace

void RepairHeaderPage(std::span<std::byte> file) {
  if (file.size() < kPageBytes) return;
  StoreLittleEndian(Checksum(file.first(kPageBytes - kCheckBytes)),
                    file.data() + kPageBytes - kCheckBytes);
}

void RepairGroups(std::span<std::byte> file, uint64_t file_id,
                  uint64_t offset) {
  uint64_t previous_check = 0;
  while (offset + kGroupHeaderBytes <= file.size()) {
    uint64_t length = 0;
    previous_check =
        RepairGroup(file, file_id, offset, previous_check, &length);
    offset += length;
  }
}

void RepairLog(std::span<std::byte> file) {
  if (file.size() < kPageBytes) return;
  RepairHeaderPage(file);
  RepairGroups(file, LoadLittleEndian<uint64_t>(file.data() + kFileIdAt),
               kPageBytes);
}

void RepairTable(std::span<std::byte> file) {
  if (file.size() < 2 * kPageBytes) return;
  RepairHeaderPage(file);
  const std::span<std::byte> page = file.last(kPageBytes);
  kv_internal::TableFooter footer;
  std::memcpy(&footer, page.data() + kCheckBytes, sizeof(footer));
  footer.table_id = LoadLittleEndian<uint64_t>(file.data() + kFileIdAt);
  footer.length_bytes = file.size();
  RepairBlocks(file, footer);
  RepairHashPages(file, footer);
  const auto check = [&](uint64_t offset, uint64_t length, uint64_t* to) {
    if (!IsWithin(offset, length, file.size())) return;
    *to = kv_internal::TableCheck(file.subspan(offset, length), footer.table_id,
                                  offset);
  };
  check(footer.fence_offset, footer.fence_bytes, &footer.fence_check);
  check(footer.segments_offset, footer.segments_bytes, &footer.segments_check);
  kv_internal::EncodeTableFooter(footer, page.data());
}

void RepairCurrent(std::span<std::byte> current,
                   std::span<const std::byte> manifest,
                   uint64_t durable_bytes) {
  if (current.size() < kv_internal::kCurrentFileBytes) return;
  durable_bytes = std::min<uint64_t>(durable_bytes, manifest.size());
  StoreLittleEndian(durable_bytes, current.data() + 32);
  StoreLittleEndian(Checksum(manifest.first(durable_bytes)),
                    current.data() + 40);
  StoreLittleEndian(Checksum(current.first(current.size() - kCheckBytes)),
                    current.data() + current.size() - kCheckBytes);
}

}  // namespace quire::testing
