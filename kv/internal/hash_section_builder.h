// Building the hash section of a table from its entries: as a whole in memory,
// or range by range within a budget. Both give the same bytes.
#ifndef QUIRE_KV_INTERNAL_HASH_SECTION_BUILDER_H_
#define QUIRE_KV_INTERNAL_HASH_SECTION_BUILDER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cache/huge_buffer.h"
#include "kv/internal/hash_section.h"
#include "kv/internal/sequential_writer.h"

namespace quire::kv_internal {

// What the hash section needs of an entry.
struct HashedEntry {
  uint64_t hash;
  uint64_t entry;  // PackHashEntry
};

// Entries in the order of the sorted section, piece by piece; the same at every
// call.
using TakeHashedEntries = absl::FunctionRef<void(std::span<const HashedEntry>)>;
using HashedEntrySource = absl::FunctionRef<absl::Status(TakeHashedEntries)>;

// Where the section is to stand.
struct HashSectionPlace {
  uint64_t table_id = 0;
  uint64_t offset = 0;      // in the file
  uint64_t page_count = 0;  // HashPageCount of the entries; not 0
};

// The whole section. Asks the source once. ResourceExhausted if there is no
// memory, or an error of the source.
absl::StatusOr<cache::HugeBuffer> BuildHashSection(
    const HashSectionPlace& place, HashedEntrySource source);

// Appends the section to `writer`, whose offset is place.offset, built in
// ranges of the hash. Asks the source once for each range and once before.
//
// Memory: `range_bytes` for a range, 0.16 bytes an entry of the table, and 3
// MiB at most for what is written. Only where the entries from one line on
// overflow into as many lines that a range can't hold them, which takes
// hundreds of thousands of versions of one key, a range is as long as that.
absl::Status WriteHashSectionByRanges(const HashSectionPlace& place,
                                      uint64_t range_bytes,
                                      HashedEntrySource source,
                                      SequentialWriter& writer);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_HASH_SECTION_BUILDER_H_
