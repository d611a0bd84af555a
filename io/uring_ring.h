// One io_uring instance, used by one thread at a time.

#ifndef QUIRE_IO_URING_RING_H_
#define QUIRE_IO_URING_RING_H_

#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "io/read_engine.h"

namespace quire::io {

// Reads must not be asked for by two threads at a time; it may be called by one
// after the other. UpdateFile may be called beside that.
//
// IORING_SETUP_SINGLE_ISSUER (with DEFER_TASKRUN) would bind the ring to the
// first thread and so ask for a ring per thread instead of a pool. It saves 5
// to 10 % of the processor time of a batch (142 instead of 156 us for 32 reads
// of 4 KiB) and nothing of the waiting.
class UringRing {
 public:
  // Sets a ring of `depth` entries up and passes one no-op through it.
  // FailedPrecondition naming the call and the errno if the machine refuses.
  static absl::StatusOr<std::unique_ptr<UringRing>> Create(uint32_t depth);

  // REQUIRES: no Run is under way.
  ~UringRing();
  UringRing(const UringRing&) = delete;
  UringRing& operator=(const UringRing&) = delete;

  // Makes room for `count` registered files and fills it with `descriptors`
  // (-1: none). To be called once, before Run. After an error, files are read
  // by their descriptors, and UpdateFile has nothing to do.
  absl::Status RegisterFiles(uint32_t count, std::span<const int> descriptors);

  // Sets the registered file `handle`; -1 takes it out.
  absl::Status UpdateFile(uint32_t handle, int descriptor);

  // Pins `memory` for reads that go into it. Does nothing after the first call,
  // whatever came of that. Not beside Run.
  absl::Status RegisterMemory(std::span<std::byte> memory);

  // Submits all requests, `depth` at most, waits for all, and sets the status
  // of each. All files have descriptors. False if the kernel stopped taking
  // requests: each has its status all the same, but the ring must not be used
  // again.
  [[nodiscard]] bool Run(std::span<IoRequest* const> requests);

  // The parts of Run, for requests that stay in flight.

  // Hands requests to the kernel, for which there must be room, and returns how
  // many it took: if not all, the ring must take no more.
  size_t Submit(std::span<IoRequest* const> requests);

  // Takes what has ended, as much as there is room for, and waits for `least`,
  // of which no fewer may be in flight. Returns how much.
  size_t Reap(size_t least, std::span<ReadQueue::Ended> ended);

 private:
  UringRing() = default;

  // Fills the next submission entry.
  void Prepare(IoRequest& request);

  // Takes what has completed and finishes it; returns how many.
  size_t FinishCompleted();

  // Where `piece` lies in the registered memory: the number of the registered
  // part, or -1.
  int RegisteredPart(const iovec& piece) const;

  io_uring ring_ = {};
  bool has_files_ = false;
  bool memory_offered_ = false;
  std::span<std::byte> registered_memory_;
};

}  // namespace quire::io

#endif  // QUIRE_IO_URING_RING_H_
