// The provider that leaves everything to the kernel: one read is one system
// call.
//
//   threads     All calls are thread-safe.
//   blocking    Peek always misses, at no cost. Read blocks for the device;
//   Hint
//               starts read-ahead and may wait for room in the device's queue.
//   alignment   None.
//   ends        As the interface says; each read is checked against the size
//               that the file was attached with, then against what the kernel
//               returns.
//   errors      Statuses only; the kernel reports each failure as an errno.
//   memory      None of its own; a Pin owns a copy of its bytes.
//
// A batch of one extent is one pread into the buffer that its Pin will own: the
// only allocation. Larger batches are sorted, merged and handed to the engine
// together (io/merged_read.h).
//
// Each file has a descriptor for kPoint, on which the kernel reads nothing
// ahead, and from the first use of kScan or kReadOnce on another one with the
// kernel's usual read-ahead. Where no second descriptor is to be had, the first
// one serves. Both may be closed and opened again (io/file_table.h).
//
// kReadOnce leaves the kernel's page cache as it was where the kernel offers
// that (see IoRequest::drop_behind).

#ifndef QUIRE_IO_PREAD_PAGE_PROVIDER_H_
#define QUIRE_IO_PREAD_PAGE_PROVIDER_H_

#include <cstdint>
#include <memory>

#include "io/file_system.h"
#include "io/page_provider.h"
#include "io/read_engine.h"

namespace quire::io {

// `file_system` must outlive the provider, which owns the engine. At most
// `max_open_files` files stay open (io/file_table.h).
std::unique_ptr<PageProvider> NewPreadPageProvider(
    FileSystem& file_system, std::unique_ptr<ReadEngine> engine,
    uint32_t max_open_files = 0);

}  // namespace quire::io

#endif  // QUIRE_IO_PREAD_PAGE_PROVIDER_H_
