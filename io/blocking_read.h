// One read after the other on the calling thread: what the preadv engine is
// made of, and where io_uring leaves something to be done.

#ifndef QUIRE_IO_BLOCKING_READ_H_
#define QUIRE_IO_BLOCKING_READ_H_

#include <cstdint>

#include "io/read_engine.h"

namespace quire::io {

// Carries `request` out and sets its status. Loops over EINTR and short reads.
// Thread-safe.
void ReadBlocking(IoRequest& request);

// As ReadBlocking, for a request that the kernel has answered once, with
// `result`: the bytes that it read, or an errno negated. Does what is left.
// REQUIRES: the file has a descriptor.
void FinishRead(IoRequest& request, int64_t result);

// The flags of preadv2 for `request`, as io_uring takes them too.
int ReadFlags(const IoRequest& request);

}  // namespace quire::io

#endif  // QUIRE_IO_BLOCKING_READ_H_
