// The provider that maps each file and lets the processor find the bytes.
//
//   threads     All calls are thread-safe.
//   blocking    Peek never enters the kernel, but touching what it gives may
//               fault and then waits for the device: the one place where
//               reading blocks inside an EpochGuard. Read blocks. Hint starts
//               read-ahead and may wait for room in the device's queue.
//   alignment   None.
//   ends        As the interface says. Beyond the end of a file that was cut
//               short, its last page shows zeros without any signal: Read looks
//               at the file's size after it has copied, so it gives DataLoss;
//               whoever copies from a Peek must verify a checksum of the copy.
//   errors      Peek's bytes may raise SIGBUS: they are for io::GuardedCopy.
//   Read
//               turns a fault into the Status that a pread of the same bytes
//               gives, or into bytes where that succeeds.
//   memory      None of its own but page tables; a Pin owns a copy.
//
// A file is mapped once, read-only, at an address that is a multiple of 2 MiB,
// so that the kernel can map large pieces of its page cache as huge pages. Only
// while all attached files together are larger than the memory is the kernel
// told not to read ahead (MADV_RANDOM): that advice also keeps it from making
// huge mappings.
//
// A batch of point reads is not touched, page by page, but read from the files,
// all at once, as under the pread provider: where it isn't in memory that is
// what counts, and what is in memory is better peeked at. The same goes for the
// reads of an AsyncReader, and for kReadOnce, which must not fill the page
// cache. The extents of other batches are read ahead together before they are
// touched one after the other.
//
// Stats: device_reads and device_bytes count reads of files only, since faults
// are the kernel's; Peek isn't counted.

#ifndef QUIRE_IO_MMAP_PAGE_PROVIDER_H_
#define QUIRE_IO_MMAP_PAGE_PROVIDER_H_

#include <cstdint>
#include <memory>

#include "io/file_system.h"
#include "io/page_provider.h"
#include "io/read_engine.h"

namespace quire::io {

struct MmapProviderOptions {
  // How much file data fits into memory, in bytes. 0: what this process may
  // have (io/memory_limit.h).
  uint64_t memory_bytes = 0;
  // Files that stay open at most (io/file_table.h); 0: as many as
  // DefaultMaxOpenFiles says. What is mapped is read whether it is open or not.
  uint32_t max_open_files = 0;
};

// Attach gives FailedPrecondition where a file can't be mapped: it has no
// descriptor, or its file system doesn't offer it (ENODEV); ResourceExhausted
// where the process has too many mappings or too little address space (ENOMEM).
// `file_system` must outlive the provider, which owns the engine (nullptr:
// preadv).
std::unique_ptr<PageProvider> NewMmapPageProvider(
    const MmapProviderOptions& options, FileSystem& file_system,
    std::unique_ptr<ReadEngine> engine = nullptr);

}  // namespace quire::io

#endif  // QUIRE_IO_MMAP_PAGE_PROVIDER_H_
