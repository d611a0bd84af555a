// Which frames are free, and which page gives its frame up when none is.

#ifndef QUIRE_CACHE_FRAME_POOL_H_
#define QUIRE_CACHE_FRAME_POOL_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "base/striped_counter.h"
#include "cache/frame_table.h"
#include "cache/page_entry.h"
#include "cache/translation.h"

namespace quire::cache {

// A clock over the frames of one table. A frame is in one of these states:
//
//   state     who has it                               goes to
//   new       nobody ever did (new_frames_)            magazine
//   free      the pool (free_)                         magazine
//   magazine  a stripe's small stock (Magazine)        taken
//   taken     who called Take: it is being filled      resident, or magazine
//   resident  the page that Owner(frame) names         limbo
//   limbo     nobody may find it any more, but a       free, or zombie
//             guard may still read it (limbo_)
//   zombie    its epoch has passed, but it is held     free
//             or pinned (zombies_)
//
// Eviction is a plain clock: the hand goes over the frames in the order of
// their addresses; a page that was used since the last visit loses one of its
// use count and stays, one with a count of 0 is evicted, one that is held or
// pinned is passed over. Frames are evicted in batches, and some ahead of need,
// so that epochs pass while they wait in limbo.
//
// Free frames, from limbo on, are poisoned for AddressSanitizer: it then
// reports any pointer that was kept past its guard. Frames in limbo are not,
// because guards may read them.
//
// Locks: a magazine's lock, then the clock's (mu_). Take and Return lock the
// calling thread's magazine, and the clock only when that runs dry or over.
// Thread-safe.
class FramePool {
 public:
  // `frames` must outlive the pool.
  explicit FramePool(FrameTable& frames);
  FramePool(const FramePool&) = delete;
  FramePool& operator=(const FramePool&) = delete;

  // A frame to fill, or kNoFrame if none can be had now: all others are in use,
  // or guards that may still read them are active. Never waits for one. The
  // effort is bounded as well, so kNoFrame may also mean that the hand found
  // only used pages in a long stretch. REQUIRES: outside of any guard, which
  // would keep the frames that are evicted for it from being free.
  FrameIndex Take();

  // Gives back a frame that was taken and not published.
  void Return(FrameIndex frame);

  // Evicts all pages of a translation. REQUIRES: nobody uses it, nor will.
  void TakeBack(const Translation& translation);

  // True once every frame has been taken at least once.
  bool all_frames_used() const {
    // Relaxed: says nothing about other memory.
    return all_frames_used_.load(std::memory_order_relaxed);
  }

  // Frames taken away from a page by the clock so far.
  uint64_t evictions() const;

  // Frames that hold a page, counting those that are being filled.
  uint64_t used() const;

 private:
  // Threads share magazines by stripe; more of them would keep more frames
  // idle.
  static constexpr size_t kMagazines = 8;

  struct alignas(128) Magazine {
    mutable base::Mutex mu;
    std::vector<FrameIndex> frames ABSL_GUARDED_BY(mu);
  };

  struct Waiting {
    FrameIndex frame;
    uint64_t tag;  // from AdvanceEpoch
  };

  Magazine& ThisThreadMagazine() {
    return magazines_[base::ThisThreadStripe() % kMagazines];
  }

  // Moves up to `batch_` free frames into `frames`.
  void Refill(std::vector<FrameIndex>& frames) ABSL_LOCKS_EXCLUDED(mu_);

  // Frames that Refill can give without evicting.
  size_t Available() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Sends up to `want` frames of unused pages to limbo.
  void Evict(size_t want) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // One visit of the hand: true if the frame has been taken from its page.
  bool Visit(FrameIndex frame) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Gives all of `frames`, just made unreachable, one tag and puts them in
  // limbo.
  void SendToLimbo(const std::vector<FrameIndex>& frames)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Frees what has passed its epoch and is not in use.
  void Harvest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  void Free(FrameIndex frame) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  FrameTable& frames_;
  const size_t batch_;    // frames that a magazine gets at a time
  const size_t reserve_;  // frames to have in limbo or free beyond the need
  std::atomic<bool> all_frames_used_{false};

  std::array<Magazine, kMagazines> magazines_;

  mutable base::Mutex mu_;
  FrameIndex hand_ ABSL_GUARDED_BY(mu_) = 0;
  // Frames from here on are new: a large cache takes memory as it fills.
  FrameIndex new_frames_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<FrameIndex> free_ ABSL_GUARDED_BY(mu_);
  std::deque<Waiting> limbo_ ABSL_GUARDED_BY(mu_);  // in the order of tags
  std::deque<FrameIndex> zombies_ ABSL_GUARDED_BY(mu_);
  uint64_t evictions_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace quire::cache

#endif  // QUIRE_CACHE_FRAME_POOL_H_
