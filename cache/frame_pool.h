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
#include "cache/eviction_queues.h"
#include "cache/frame_table.h"
#include "cache/page_entry.h"
#include "cache/translation.h"

namespace quire::cache {

// The frames of one table. A frame is in one of these states:
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
// Which page is evicted is the business of cache/eviction_queues.h; a frame
// that is being filled, held or pinned moves on like one that was used. A page
// that is evicted from probation leaves a ghost: its entry says how many had
// left before it. If it is asked for again before as many more have left as
// there are frames, it comes back into main. Frames are evicted in batches, and
// some ahead of need, so that epochs pass while they wait in limbo.
//
// Free frames, from limbo on, are poisoned for AddressSanitizer: it then
// reports any pointer that was kept past its guard. Frames in limbo are not,
// because guards may read them.
//
// Locks: a magazine's lock, then the pool's (mu_). Take and Return lock the
// calling thread's magazine, and the pool only when that runs dry or over.
// Thread-safe.
class FramePool {
 public:
  // `frames` must outlive the pool.
  explicit FramePool(FrameTable& frames);
  FramePool(const FramePool&) = delete;
  FramePool& operator=(const FramePool&) = delete;

  // A frame to fill, or kNoFrame if none can be had now: all others are in use,
  // or guards that may still read them are active. Never waits for one. The
  // effort is bounded as well, so kNoFrame may also mean that only used pages
  // were found in a long stretch. The frame will stand in `queue`. REQUIRES:
  // outside of any guard, which would keep the frames that are evicted for it
  // from being free.
  FrameIndex Take(EvictionQueue queue);

  // Gives back a frame that was taken and not published.
  void Return(FrameIndex frame);

  // Evicts all pages of a translation. REQUIRES: nobody uses it, nor will.
  void TakeBack(const Translation& translation);

  // True if the page left probation so lately that it had better have stayed.
  bool IsYoungGhost(uint64_t evicted_entry) const {
    const uint64_t stamp = StampOf(evicted_entry);
    // Relaxed: a measure of time, which says nothing about other memory.
    return stamp != 0 &&
           ghosts_.load(std::memory_order_relaxed) - stamp < frames_.size();
  }

  // Evicts one page; nothing if it isn't resident.
  void TakeBack(PageEntry& entry);

  // True once every frame has been taken at least once.
  bool all_frames_used() const {
    // Relaxed: says nothing about other memory.
    return all_frames_used_.load(std::memory_order_relaxed);
  }

  // Frames taken away from a page to be given to another so far.
  uint64_t evictions() const;

  // Frames that hold a page, counting those that are being filled.
  uint64_t used() const;

 private:
  // Threads share magazines by stripe; more of them would keep more frames
  // idle.
  static constexpr size_t kMagazines = 8;

  struct Taken {
    FrameIndex frame;
    EvictionQueue queue;
  };

  struct alignas(128) Magazine {
    mutable base::Mutex mu;
    std::vector<FrameIndex> frames ABSL_GUARDED_BY(mu);
    // Still to be put in their queues: fewer than a refill gives.
    std::vector<Taken> taken ABSL_GUARDED_BY(mu);
  };

  struct Waiting {
    FrameIndex frame;
    uint64_t tag;  // from AdvanceEpoch
  };

  Magazine& ThisThreadMagazine() {
    return magazines_[base::ThisThreadStripe() % kMagazines];
  }

  // Puts `taken` in their queues and empties it.
  void Enqueue(std::vector<Taken>& taken) ABSL_LOCKS_EXCLUDED(mu_);

  // Moves up to `batch_` free frames into `frames`.
  void Refill(std::vector<FrameIndex>& frames) ABSL_LOCKS_EXCLUDED(mu_);

  // Frames that Refill can give without evicting.
  size_t Available() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Sends up to `want` frames of unused pages to limbo.
  void Evict(size_t want) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Starts fetching what Visit will need for frames further on in `queue`: the
  // descriptor of one, and behind it, where the descriptor is there by now, the
  // entry of another. They lie anywhere.
  void PrefetchAhead(EvictionQueue queue) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Takes the frame from its page if that is unused. Returns the queue that the
  // frame belongs into otherwise, kNone if it was taken.
  EvictionQueue Visit(EvictionQueues::Candidate candidate)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

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

  // Pages that have left probation unused. Written under the lock.
  std::atomic<uint64_t> ghosts_{0};

  mutable base::Mutex mu_;
  EvictionQueues queues_ ABSL_GUARDED_BY(mu_);
  // Frames from here on are new: a large cache takes memory as it fills.
  FrameIndex new_frames_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<FrameIndex> free_ ABSL_GUARDED_BY(mu_);
  std::deque<Waiting> limbo_ ABSL_GUARDED_BY(mu_);  // in the order of tags
  std::deque<FrameIndex> zombies_ ABSL_GUARDED_BY(mu_);
  uint64_t evictions_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace quire::cache

#endif  // QUIRE_CACHE_FRAME_POOL_H_
