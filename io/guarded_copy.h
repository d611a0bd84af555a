// Copying from mapped files without dying of SIGBUS.
//
// A mapped file has no other way to report a failed device, or that it was cut
// short, than the signal SIGBUS at the touch. GuardedCopy turns the signal into
// a result. It costs about 10 ns over memcpy; a fault costs a few microseconds.
//
// What an application has to know:
//  - The first use installs a handler for SIGBUS for the whole process (never a
//    library constructor). A SIGBUS that isn't ours goes to the handler that
//    was there before, with its arguments; if there was none, the process dies
//    of it as it would have.
//  - An application that sets a handler of its own later must pass on what it
//    doesn't know to the handler that it replaces, or the guard is gone.
//  - A thread that reads must not block SIGBUS: the kernel would end the
//  process.

#ifndef QUIRE_IO_GUARDED_COPY_H_
#define QUIRE_IO_GUARDED_COPY_H_

#include <cstddef>

namespace quire::io {

// Copies `size` bytes from `source`, which may lie in a mapped file, to
// `destination`, which must not. Returns false if the kernel raised SIGBUS for
// an address in [source, source + size): the file was cut short or its device
// failed; the destination's bytes are then unspecified.
//
// A file cut short raises no signal within its last page, where zeros follow
// its end: who has to know must look at the size or at a checksum of the copy.
//
// Thread-safe, but not to be called from signal handlers. No system call and no
// allocation unless a fault happens or it is the first use in the process.
[[nodiscard]] bool GuardedCopy(void* destination, const void* source,
                               size_t size) noexcept;

}  // namespace quire::io

#endif  // QUIRE_IO_GUARDED_COPY_H_
