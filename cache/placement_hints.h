// Guesses of which frame a page is in, so that its bytes can be fetched from
// memory while its entry is.

#ifndef QUIRE_CACHE_PLACEMENT_HINTS_H_
#define QUIRE_CACHE_PLACEMENT_HINTS_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "cache/page_entry.h"

namespace quire::cache {

// One file's. Pages that were loaded in their order lie in frames that follow
// each other: for each 2 MiB of file it is remembered where its first page
// would be, as long as two looks in succession agree. The entries of the pages
// alone say what is true; a wrong guess costs a fetch that nobody needs.
//
// 8 bytes for 2 MiB, so that the guess itself is at hand. Thread-safe. All
// accesses are relaxed: nothing is concluded from a guess.
class PlacementHints {
 public:
  explicit PlacementHints(uint64_t page_count)
      : hints_(new std::atomic<uint64_t>[page_count / kStretchPages + 1]()) {}

  // The frame that `page` is probably in, kNoFrame if there is no guess; it may
  // be beyond the last frame. REQUIRES for both: `page` is one of the file's.
  FrameIndex Guess(uint64_t page) const {
    const uint64_t hint =
        hints_[page / kStretchPages].load(std::memory_order_relaxed);
    if ((hint & kTrusted) == 0) return kNoFrame;
    return static_cast<FrameIndex>(hint + page % kStretchPages);
  }

  // Tells where `page` is. Writes only if that changes something.
  void Learn(uint64_t page, FrameIndex frame) {
    std::atomic<uint64_t>& hint = hints_[page / kStretchPages];
    const uint64_t old = hint.load(std::memory_order_relaxed);
    const uint64_t first =
        kKnown | static_cast<FrameIndex>(frame - page % kStretchPages);
    const uint64_t updated =
        (old & ~kTrusted) == first ? first | kTrusted : first;
    if (updated != old) hint.store(updated, std::memory_order_relaxed);
  }

 private:
  static constexpr uint64_t kStretchPages = 512;
  // Above the frame that the stretch's first page would be in, modulo 2^32.
  static constexpr uint64_t kKnown = uint64_t{1} << 32;
  static constexpr uint64_t kTrusted = uint64_t{1} << 33;

  const std::unique_ptr<std::atomic<uint64_t>[]> hints_;
};

}  // namespace quire::cache

#endif  // QUIRE_CACHE_PLACEMENT_HINTS_H_
