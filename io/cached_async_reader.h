// Reads in flight through the cache.

#ifndef QUIRE_IO_CACHED_ASYNC_READER_H_
#define QUIRE_IO_CACHED_ASYNC_READER_H_

#include <memory>

#include "io/async_reader.h"
#include "io/page_loader.h"
#include "io/page_provider.h"
#include "io/read_engine.h"

namespace quire::io {

// The asynchronous reader of the cached provider. A page that isn't resident is
// read into a free frame, which becomes the page's when the read has ended,
// unless another thread has brought the page in meanwhile. No entry is claimed
// before that: nobody waits for a reader, whose user may never poll it again,
// and it waits for nobody. The price is that a page which is asked for here and
// elsewhere at the same time is read twice; within one reader it is read once.
//
// A read that fails is repeated by `provider` alone, extent by extent, so that
// errors are those of PageProvider::Read; for that Poll blocks, also where
// Submit has met the failed page.
//
// `frame_pins` takes frames back (the token is the frame). What is passed
// outlives the reader; `queue` isn't nullptr.
std::unique_ptr<AsyncReader> NewCachedAsyncReader(
    const CachedReadContext& context, PageProvider& provider,
    PinOwner& frame_pins, std::unique_ptr<ReadQueue> queue);

}  // namespace quire::io

#endif  // QUIRE_IO_CACHED_ASYNC_READER_H_
