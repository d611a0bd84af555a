// The iterator that users get: visible entries of a view and their values.
#ifndef QUIRE_KV_INTERNAL_DB_ITERATOR_H_
#define QUIRE_KV_INTERNAL_DB_ITERATOR_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "io/page_provider.h"
#include "kv/internal/entry_cursor.h"
#include "kv/internal/run.h"
#include "kv/internal/view.h"
#include "kv/iterator.h"
#include "kv/options.h"

namespace quire::kv_internal {

// One source of entries: a memtable (`run` is nullptr) or a run.
struct IteratorSource {
  std::unique_ptr<EntryCursor> cursor;
  const Run* run = nullptr;
};

// What an iterator holds on to. The view is given back first, after the
// sources' cursors.
struct IteratorHolds {
  // Anything that must outlive the iterator's use of the database, such as the
  // count of open iterators and the pin on its sequence number.
  std::shared_ptr<void> registration;
  // Keeps memtables and runs of the sources alive.
  SharedView view;
};

// An iterator over everything in `holds.view` with a sequence number of at most
// `sequence`. Uses of `options`: bounds, prefix and keys_only; its snapshot is
// in `sequence` already. Must be called outside of any epoch guard. `provider`
// must outlive the iterator. Never null.
std::unique_ptr<Iterator> NewDbIterator(IteratorHolds holds, uint64_t sequence,
                                        const ReadOptions& options,
                                        io::PageProvider& provider);

// As above, over these sources in place of those of the view.
std::unique_ptr<Iterator> NewDbIterator(std::vector<IteratorSource> sources,
                                        IteratorHolds holds, uint64_t sequence,
                                        const ReadOptions& options,
                                        io::PageProvider& provider);

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_DB_ITERATOR_H_
