// One call of the cached provider's Read.

#ifndef QUIRE_IO_CACHED_READ_H_
#define QUIRE_IO_CACHED_READ_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "io/aligned_buffer.h"
#include "io/file_table.h"
#include "io/page_loader.h"
#include "io/page_provider.h"
#include "io/page_slot.h"
#include "io/read_engine.h"

namespace quire::io {

// Serves extents within one resident page at once; has a PageLoader bring the
// pages of the others, with long extents read along; then hands the bytes out,
// as pins of frames or as copies.
//
// An extent on a page that could not be read is read once more by itself,
// exactly: an error is an extent's own and not its neighbour's on the page. But
// who waited for another thread's read of the page shares its error, so that a
// failing device isn't asked by everybody in turn.
//
// For use by one thread.
class CachedRead {
 public:
  // `requests` and `frame_pins`, which takes frames back (the token is the
  // frame), must outlive this object, `frame_pins` also the pins.
  CachedRead(const CachedReadContext& context, PinOwner& frame_pins,
             std::span<ReadRequest> requests, CachePolicy policy);
  ~CachedRead();
  CachedRead(const CachedRead&) = delete;
  CachedRead& operator=(const CachedRead&) = delete;

  // Gives each request its status and its pin. To be called once, outside of
  // any EpochGuard.
  void Run();

 private:
  // An extent that is read by itself, past the cache.
  struct AloneRead {
    ReadRequest* request;
    uint64_t begin;  // the extent's offset, rounded down for O_DIRECT
    AlignedBuffer buffer;
    iovec piece;
  };

  // False if the extent takes reading.
  bool ServeResident(ReadRequest& request);
  // Fills slots_ with the pages of paged_.
  void CollectSlots();
  std::span<const PageSlot> SlotsOf(const Extent& extent) const;

  // Gives the request its bytes, unless a page failed. False if the extent must
  // be read alone.
  bool Answer(ReadRequest& request, std::span<const PageSlot> slots);

  // Adds a read to alone_; an error goes to the request.
  void AddAlone(ReadRequest& request);
  std::vector<IoRequest> AloneRequests();
  // Gives the requests of alone_ what was read, and forgets them.
  void FinishAlone(std::span<IoRequest> done);

  const CachedReadContext context_;
  PinOwner& frame_pins_;
  const std::span<ReadRequest> requests_;
  const CachePolicy policy_;

  FileTable::Section files_;
  PageLoader loader_;
  std::vector<ReadRequest*> paged_;  // requests that need slots_
  std::vector<PageSlot> slots_;      // sorted by file and page
  std::vector<AloneRead> alone_;
};

}  // namespace quire::io

#endif  // QUIRE_IO_CACHED_READ_H_
