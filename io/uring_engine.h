// The engine that keeps many reads of one thread in flight: io_uring.

#ifndef QUIRE_IO_URING_ENGINE_H_
#define QUIRE_IO_URING_ENGINE_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "io/read_engine.h"

namespace quire::io {

struct UringOptions {
  // Rings at most; made as they are needed. 0: two for each processor, up
  // to 32.
  uint32_t max_rings = 0;
  // Reads in flight in one ring at most; larger batches go in several rounds.
  uint32_t depth = 64;
  // RegisterMemory pins no more than this, in bytes: what is registered is
  // taken from the machine whole and at once, for each ring anew counted
  // against the memlock limit. 0: nothing.
  uint64_t max_registered_bytes = uint64_t{1} << 30;
};

// Makes one ring and tries it. A batch of one request is read by preadv and
// never touches a ring.
//
// Errors: what io_uring_setup or the trial said, with the errno, as
// FailedPrecondition (ENOSYS, ENOMEM, EPERM ...): the machine, a container's
// profile or the memlock limit refuses io_uring, and the caller may fall back
// to MakePreadvEngine. InvalidArgument if `depth` is 0 or above 4096.
absl::StatusOr<std::unique_ptr<ReadEngine>> MakeUringEngine(
    const UringOptions& options = {});

}  // namespace quire::io

#endif  // QUIRE_IO_URING_ENGINE_H_
