// Writes the sorted section of a table and the fences behind it.
#ifndef QUIRE_KV_INTERNAL_SORTED_SECTION_BUILDER_H_
#define QUIRE_KV_INTERNAL_SORTED_SECTION_BUILDER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "kv/internal/fence_index.h"
#include "kv/internal/record.h"
#include "kv/internal/sequential_writer.h"
#include "kv/internal/sorted_block.h"
#include "kv/internal/table_format.h"

namespace quire::kv_internal {

// Not thread-safe.
class SortedSectionBuilder {
 public:
  // Writes to `writer`, which must outlive it, from its present offset on.
  SortedSectionBuilder(SequentialWriter& writer, uint64_t table_id);

  // Adds an entry. InvalidArgument if it is not behind the one before: keys
  // ascending as unsigned bytes, versions of a key by sequence descending.
  absl::Status Add(std::string_view key, uint64_t sequence_offset,
                   const RecordRef& record);

  // Distinct keys added.
  uint64_t key_count() const { return key_count_; }

  // Writes the last block and the fences, and sets the fields of `footer` that
  // tell of both.
  absl::Status Finish(TableFooter& footer);

 private:
  absl::Status WriteBlock();

  SequentialWriter& writer_;
  const uint64_t table_id_;
  const uint64_t begin_;  // offset in the file
  SortedBlockBuilder block_;
  FenceBuilder fences_;
  std::string last_key_;
  uint64_t last_sequence_offset_ = 0;
  uint64_t key_count_ = 0;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_SORTED_SECTION_BUILDER_H_
