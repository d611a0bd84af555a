// A page that a read of the cached provider needs, and handing its bytes out.

#ifndef QUIRE_IO_PAGE_SLOT_H_
#define QUIRE_IO_PAGE_SLOT_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "cache/page_cache.h"
#include "io/cached_file.h"
#include "io/page_provider.h"

namespace quire::io {

// Longest extent that goes through the cache, in bytes.
inline constexpr uint64_t kMaxCachedBytes = uint64_t{64} << 10;
// Longest extent that is always copied, in bytes: a copy costs less than a pin,
// which writes to the frame's count twice.
inline constexpr uint64_t kMaxCopiedBytes = 256;

// A page that a read needs, and what became of it.
struct PageSlot {
  enum class State : uint8_t {
    kNeeded,        // not there yet
    kHeld,          // resident in `frame`, held for the slot's user
    kPrivate,       // in memory of the read's own
    kFailed,        // the read failed
    kFailedShared,  // another thread's read failed, which was waited for
  };

  const CachedFile* file = nullptr;
  uint64_t page = 0;
  State state = State::kNeeded;
  cache::FrameIndex frame = cache::kNoFrame;  // kHeld
  const std::byte* bytes = nullptr;           // kHeld, kPrivate
  absl::Status status = absl::OkStatus();     // kFailed, kFailedShared
};

// The first and the last page of an extent that isn't empty.
inline uint64_t FirstPage(const Extent& extent) {
  return extent.offset / CachedFile::kPageBytes;
}
inline uint64_t LastPage(const Extent& extent) {
  return (extent.offset + extent.length - 1) / CachedFile::kPageBytes;
}

// The frame of a page, held, or kNoFrame if it isn't resident. Counts the use
// under kPoint: a scan that reads a page in several steps hasn't found it worth
// keeping. REQUIRES: outside of any guard.
cache::FrameIndex FindAndHold(cache::PageCache& cache, cache::PageEntry& entry,
                              CachePolicy policy);

// Gives the request the bytes of its extent, whose pages are `slots`, in order,
// each kHeld or kPrivate: as a pin of the frame that has all of them, or as a
// copy. `frame_pins` takes frames back; the token is the frame.
void HandOut(cache::PageCache& cache, PinOwner& frame_pins,
             ReadRequest& request, std::span<const PageSlot> slots);

}  // namespace quire::io

#endif  // QUIRE_IO_PAGE_SLOT_H_
