// The provider that keeps pages in memory of its own: `buffered` and `direct`.
//
// One implementation serves both modes. Under kBuffered a miss reads the whole
// aligned piece around it through the kernel's page cache; under kDirect it
// reads the missing pages alone, by O_DIRECT. Everything else is the same: the
// cache of cache/page_cache.h, one read per page however many ask, batches
// handed to the engine as one.
//
//   threads     All calls are thread-safe; Peek is wait-free.
//   blocking    Peek and Hint never wait for I/O; Read does.
//   alignment   The provider's own business; extents are in bytes. A file whose
//               O_DIRECT alignment exceeds 4096 bytes is refused by Attach.
//   ends        The tail of a file's last page is never shown.
//   errors      Statuses only; no memory that it hands out can fault.
//   memory      `cache_bytes`, plus 8 bytes for each 4 KiB of attached file,
//               plus copies that Pins own.
//
// Peek marks the page as used and counts one call in 64 for
// ProviderStats::peek_hits. It gives at most the rest of one 4 KiB page.
//
// What a Pin holds: the page's frame, if the extent lies within one page, has
// more than 256 bytes and no more than a quarter of the cache is pinned; a copy
// of its own otherwise. Extents of more than 64 KiB bypass the cache.
//
// Policies: kPoint fills enter the cache on probation, kScan fills in the scan
// queue, which is short (cache/eviction_queues.h).
// kReadOnce fills nothing, marks nothing as used and, where the kernel offers
// it (RWF_DONTCACHE), leaves the kernel's page cache as it was too. Only kPoint
// reads mark a page as used on a hit.
//
// Hint starts the kernel's own read-ahead under kBuffered and does nothing
// under kDirect or for kReadOnce.
//
// Forget waits for who is loading one of the pages. It can't wait for an
// AsyncReader: what that has in flight may bring a page in afterwards whose
// bytes were read before.

#ifndef QUIRE_IO_CACHED_PAGE_PROVIDER_H_
#define QUIRE_IO_CACHED_PAGE_PROVIDER_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "io/file_system.h"
#include "io/page_provider.h"
#include "io/read_engine.h"

namespace quire::io {

struct CachedProviderOptions {
  // How files are opened: kBuffered or kDirect.
  OpenMode open_mode = OpenMode::kBuffered;
  // Memory for pages, in bytes; rounded up to 2 MiB, or to 4 KiB where less
  // than 2 MiB is asked for. At least one piece under kBuffered, 4096 under
  // kDirect.
  uint64_t cache_bytes = 64 << 20;
  // What a miss reads under kBuffered, in bytes: a power of two from 4096 to
  // 1 MiB. Not used under kDirect.
  uint32_t piece_bytes = 64 << 10;
  // Files that stay open at most (io/file_table.h); 0: as many as
  // DefaultMaxOpenFiles says.
  uint32_t max_open_files = 0;
};

// Allocates the cache. `file_system` must outlive the provider, which owns the
// engine. Errors: InvalidArgument for options out of range, ResourceExhausted
// if the memory can't be had.
absl::StatusOr<std::unique_ptr<PageProvider>> NewCachedPageProvider(
    const CachedProviderOptions& options, FileSystem& file_system,
    std::unique_ptr<ReadEngine> engine);

}  // namespace quire::io

#endif  // QUIRE_IO_CACHED_PAGE_PROVIDER_H_
