// Copying what is in one open file into another.

#ifndef QUIRE_IO_COPY_CONTENT_H_
#define QUIRE_IO_COPY_CONTENT_H_

#include "absl/status/status.h"
#include "io/file_system.h"

namespace quire::io {

// Copies all of `from` into the new, empty file `to`, whose descriptor is
// `to_descriptor`; nothing is synced. Tries, in this order: a clone that shares
// the storage (FICLONE), a copy within the kernel (copy_file_range), which may
// share it too, and reading and writing in pieces, which leaves the page cache
// as it was where the kernel can (IoRequest::drop_behind). Each takes over
// where the one before gave up, so an error is always one of a plain read or
// write. `from` must have a descriptor.
absl::Status CopyContent(const ReadableFile& from, int to_descriptor,
                         WritableFile& to);

}  // namespace quire::io

#endif  // QUIRE_IO_COPY_CONTENT_H_
