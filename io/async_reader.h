// Reads of one thread that are in flight while it does something else.

#ifndef QUIRE_IO_ASYNC_READER_H_
#define QUIRE_IO_ASYNC_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "io/page_provider.h"

namespace quire::io {

// Must be gone before its provider, and nothing that it reads may be detached
// before its request has come back. All promises of PageProvider::Read hold for
// each request, but for one: a reader waits for nobody, and nobody for it, so a
// page that others miss at the same time may be read twice.
//
// Used by one thread at a time, outside of any EpochGuard.
class AsyncReader {
 public:
  // Waits until nothing is written into memory any more; what hasn't come back
  // never will.
  virtual ~AsyncReader() = default;

  // Starts reading. Each request stays where it is and as it is until Poll
  // gives it back. Doesn't wait for the device, but may open files. After a
  // std::bad_alloc nobody knows what was submitted: all that is left to do with
  // the reader is to destroy it. Poll loses nothing by one. With reads of
  // io_uring under way the process may end instead.
  virtual void Submit(std::span<ReadRequest* const> requests,
                      CachePolicy policy) = 0;

  // Gives back requests that have their status, in no order, as many as there
  // are and `done` has room for, and waits until there are `least` of them or
  // nothing is left to wait for. Returns how many. Where a read has failed it
  // is repeated, for which Poll blocks.
  virtual size_t Poll(size_t least, std::span<ReadRequest*> done) = 0;
};

// What a PageProvider may be besides.
class AsyncPageProvider {
 public:
  // A reader that keeps up to `depth` (1 to 4096) reads in flight; nullptr
  // where the machine or the engine offers no such thing.
  virtual std::unique_ptr<AsyncReader> NewAsyncReader(uint32_t depth) = 0;

 protected:
  ~AsyncPageProvider() = default;
};

// The provider's own reader, if it has one. Else one that begins to read when
// it is polled: everything that was submitted until then by PageProvider::Read,
// for which Poll blocks, whatever its `least`. Never nullptr.
std::unique_ptr<AsyncReader> NewAsyncReader(PageProvider& provider,
                                            uint32_t depth);

}  // namespace quire::io

#endif  // QUIRE_IO_ASYNC_READER_H_
