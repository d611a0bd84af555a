#include "kv/internal/hash_section.h"

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "cache/huge_buffer.h"
#include "kv/internal/format.h"
#include "kv/internal/little_endian.h"
#include "kv/internal/table_format.h"

namespace quire::kv_internal {

absl::StatusOr<cache::HugeBuffer> NewHashImage(uint64_t section_bytes) {
  // Huge pages come 2 MiB at a time: for the small sections of many small runs
  // they would cost more memory than the misses that they save are worth.
  constexpr uint64_t kHugeFrom = uint64_t{1} << 20;
  return cache::HugeBuffer::Create(section_bytes,
                                   section_bytes >= kHugeFrom
                                       ? cache::HugeBuffer::Pages::kHuge
                                       : cache::HugeBuffer::Pages::kSmall);
}

void InsertHashEntry(std::byte* section, uint64_t page_count, uint64_t hash,
                     uint64_t entry) {
  const uint64_t section_bytes = page_count * kPageBytes;
  uint64_t at = HashHomeLine(hash, page_count);
  while (!PutIntoHashLine(section + at, entry)) {
    at = NextHashLine(at, section_bytes);
  }
}

void SealHashPage(std::byte* page, uint64_t page_index, uint64_t table_id,
                  uint64_t offset) {
  StoreLittleEndian(table_id, page + 8);
  StoreLittleEndian(page_index, page + 16);
  StoreLittleEndian(CheckHashPage(page, table_id, offset).computed, page);
}

HashPageCheck CheckHashPage(const std::byte* page, uint64_t table_id,
                            uint64_t offset) {
  const std::span<const std::byte> checked(page + sizeof(uint64_t),
                                           kPageBytes - sizeof(uint64_t));
  return {.stored = LoadLittleEndian<uint64_t>(page),
          .computed = TableCheck(checked, table_id, offset)};
}

}  // namespace quire::kv_internal
