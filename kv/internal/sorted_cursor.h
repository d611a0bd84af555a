// Moving over a table in key order.
#ifndef QUIRE_KV_INTERNAL_SORTED_CURSOR_H_
#define QUIRE_KV_INTERNAL_SORTED_CURSOR_H_

#include <memory>

#include "io/page_provider.h"
#include "kv/internal/entry_cursor.h"
#include "kv/internal/table_reader.h"

namespace quire::kv_internal {

// A cursor over the sorted section of `table`, which must outlive it. Nothing
// is read before the first move. Each block is verified; a damaged or
// unreadable one makes the cursor invalid, with DataLoss or the provider's
// error in status(), and a later seek elsewhere may succeed. While it moves on
// in one direction it reads ahead, from 1 block up to 32, one Read a window; a
// seek starts again from 1. `policy` is what its reads say to the provider;
// but the block of a seek, a random access, is looked for in memory and read
// with kPoint, unless the policy is kReadOnce.
std::unique_ptr<EntryCursor> NewSortedCursor(const TableReader& table,
                                             io::CachePolicy policy);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_SORTED_CURSOR_H_
