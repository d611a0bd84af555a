// How batches of reads reach the kernel.
//
// A ReadEngine takes a whole batch, keeps as much of it in flight as it can,
// and returns when every read has ended. It knows nothing of pages, caches or
// checksums. io/open_provider.h's enum IoEngine names the kinds: io_uring
// (io/uring_engine.h) and a loop of preadv (io/preadv_engine.h).

#ifndef QUIRE_IO_READ_ENGINE_H_
#define QUIRE_IO_READ_ENGINE_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "io/file_system.h"

namespace quire::io {

// Where to read the bytes of a file.
struct ReadSource {
  const ReadableFile* file = nullptr;
  int registered_file = -1;  // as in IoRequest
};

// One read of consecutive bytes of one file into one or more pieces of memory.
struct IoRequest {
  // The file to read; must stay open during the call. A file without a
  // descriptor is read by its ReadAt.
  const ReadableFile* file = nullptr;
  // What ReadEngine::RegisterFile returned for the file's descriptor, or -1.
  int registered_file = -1;
  // True if what the kernel's page cache takes in for this read should leave it
  // again; what it held before stays. Ignored where the kernel can't do it
  // (before 6.14, some file systems) and under O_DIRECT, which leaves no trace.
  bool drop_behind = false;
  // Where to read, in bytes. Under O_DIRECT this, the address and the size of
  // each piece must be multiples of the file's direct_alignment().
  uint64_t offset = 0;
  // Where the bytes go, in order; at least one piece, none of them empty, at
  // most IOV_MAX. Owned by the caller, like the memory behind.
  std::span<const iovec> pieces;
  // The bytes that must be read for success, which errors name too. They begin
  // at or after `offset` and end within the pieces; the pieces may reach
  // further to keep O_DIRECT's alignment, also past the end of the file. Bytes
  // read from outside of the wanted range are unspecified.
  uint64_t wanted_offset = 0;
  uint64_t wanted_length = 0;

  // Output: OK if all wanted bytes were read. Else Unavailable (or what
  // io/posix_error.h says of the errno) naming file, offset, length and errno;
  // DataLoss if the file ends too early. The pieces' bytes are then
  // unspecified.
  absl::Status status = absl::OkStatus();
};

// Reads of one thread that stay in flight while it does something else. Used by
// one thread at a time; gone before the engine.
class ReadQueue {
 public:
  // A request that has ended, and what the kernel said of it: FinishRead (see
  // io/blocking_read.h) makes the status of that.
  struct Ended {
    IoRequest* request;
    int64_t result;
  };

  // Waits until the kernel writes into no piece any more.
  virtual ~ReadQueue() = default;

  // Requests that may be in flight.
  virtual size_t depth() const = 0;

  // Starts reading, without waiting. Requests and pieces stay where they are
  // until Take has given them back; files must be open during this call alone.
  // REQUIRES: no more than `depth` are then in flight.
  virtual void Submit(std::span<IoRequest* const> requests) = 0;

  // Takes what has ended, at most `ended.size()` requests, and waits for
  // `least`. Returns how many. REQUIRES: so many are in flight and have room.
  virtual size_t Take(size_t least, std::span<Ended> ended) = 0;
};

// Thread-safe. Must not be used in a child process after a fork.
class ReadEngine {
 public:
  virtual ~ReadEngine() = default;

  // Reads everything that is asked, in no order, and returns when each request
  // has its status and the kernel writes into no piece any more. Loops over
  // EINTR, EAGAIN and short reads. Blocks; one failed read doesn't fail others.
  virtual void ReadBatch(std::span<IoRequest> requests) = 0;

  // A queue of `depth`, 1 to 4096; nullptr where the engine offers none.
  virtual std::unique_ptr<ReadQueue> NewQueue(uint32_t depth) {
    (void)depth;
    return nullptr;
  }

  // Says that most reads go into `memory`, which the engine may then make known
  // to the kernel once for all; that takes what of it has never been touched
  // from the machine, so it is dear for fresh memory and cheap for used one.
  // Cannot fail. To be called once at most, also beside ReadBatch; `memory`
  // must outlive the engine.
  virtual void RegisterMemory(std::span<std::byte> memory) { (void)memory; }

  // Makes reads of an open file cheaper where the engine can. Returns a handle
  // for IoRequest::registered_file, or -1 if there is none to be had: the file
  // is then read by its descriptor alone.
  virtual int RegisterFile(int descriptor) {
    (void)descriptor;
    return -1;
  }

  // Gives a handle back; -1 is allowed. REQUIRES: no read of the file is under
  // way. To be called before the descriptor is closed.
  virtual void UnregisterFile(int handle) { (void)handle; }

  // What the engine is and what it got from the kernel, for a property:
  // "preadv" or "io_uring, registered files, memory not registered: ENOMEM
  // (...)".
  virtual std::string Description() const = 0;
};

}  // namespace quire::io

#endif  // QUIRE_IO_READ_ENGINE_H_
