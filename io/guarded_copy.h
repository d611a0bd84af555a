// Copying from mapped files without dying of SIGBUS.
#ifndef QUIRE_IO_GUARDED_COPY_H_
#define QUIRE_IO_GUARDED_COPY_H_

#include <cstddef>

namespace quire::io {

// Copies `size` bytes from `source`, which may lie in a mapped file, to
// `destination`, which must not. Returns false if the kernel raised SIGBUS for
// an address in [source, source + size): the file was cut short or its device
// failed; the destination's bytes are then unspecified. Installs the process's
// SIGBUS handler at first use (never in a library constructor); a SIGBUS that
// isn't ours goes to the handler that was there before. Thread-safe; no system
// call and no allocation after the first use on a thread.
bool GuardedCopy(void* destination, const void* source, size_t size);

}  // namespace quire::io

#endif  // QUIRE_IO_GUARDED_COPY_H_
