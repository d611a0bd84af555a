#include "kv/internal/overwrite_sample.h"

#include <algorithm>

#include "kv/internal/hash_cursor.h"

namespace quire::kv_internal {

bool OverwriteSample::IsThere(uint64_t hash) const {
  return std::any_of(older_.begin(), older_.end(), [&](const auto& run) {
    const TableReader& table = run->table();
    // Once resident it stays so, and a probe needs no guard.
    if (table.resident_hash_section() == nullptr)
      return table.entry_count() > 0;
    HashCursor cursor;
    cursor.Start(table, hash, /*may_fault=*/true);
    HashCandidate candidate;
    return cursor.Next(&candidate) == HashCursor::Step::kCandidate;
  });
}

}  // namespace quire::kv_internal
