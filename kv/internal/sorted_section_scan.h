// Reading a sorted section from its beginning to its end, past any cache.
#ifndef QUIRE_KV_INTERNAL_SORTED_SECTION_SCAN_H_
#define QUIRE_KV_INTERNAL_SORTED_SECTION_SCAN_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "io/file_system.h"
#include "kv/internal/sorted_block.h"
#include "kv/internal/table_format.h"

namespace quire::kv_internal {

// Gives all groups of the section that `footer` says is in `file`, in order;
// `first_sequence` as in the table's header.
// Every block is verified. Needs neither fences nor the rest of the table: it
// may still be being written. DataLoss for damage, or the file's error; groups
// before it have been given. Holds 1 MiB of memory.
absl::Status ScanSortedSection(
    const io::ReadableFile& file, const TableFooter& footer,
    uint64_t first_sequence, absl::FunctionRef<void(const SortedGroup&)> take);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_SORTED_SECTION_SCAN_H_
