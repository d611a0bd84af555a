// One index entry, decoded.
#ifndef QUIRE_KV_INTERNAL_INDEX_ENTRY_H_
#define QUIRE_KV_INTERNAL_INDEX_ENTRY_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kv/internal/record.h"

namespace quire::kv_internal {

// A version of a key, and where its record is. Whoever shows it says how long
// its views live.
struct IndexEntry {
  std::string_view key;
  uint64_t sequence = 0;
  // The record's header in a memtable's arena, or nullptr if the record is in a
  // run's segment.
  const std::byte* memory = nullptr;
  // With `memory`, without an address.
  RecordRef record;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_INDEX_ENTRY_H_
