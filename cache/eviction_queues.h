// In which order pages are looked at when a frame is needed.
//
// Three queues, first in, first out, after S3-FIFO (Yang et al., SOSP 2023),
// whose two take no order from hits, so that a hit needs no lock, and whose
// small one lets most pages that are asked for once go soon:
//
//   scan       pages that only a scan has asked for, or that came along with
//              another; a thirty-second of the frames. Not in S3-FIFO: its
//              small queue would be full of them while a scan is under way.
//   probation  pages that a point read has asked for; a tenth of the frames
//   main       pages that were asked for again: while in probation, or so soon
//              after they had left it that they would have been (a ghost)
//
// A page that was used while it was in a queue moves on to the next, or, in
// main, to its end; one that was not is evicted. Cost: 4 bytes a frame.

#ifndef QUIRE_CACHE_EVICTION_QUEUES_H_
#define QUIRE_CACHE_EVICTION_QUEUES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>

#include "cache/page_entry.h"

namespace quire::cache {

enum class EvictionQueue : uint8_t { kNone, kScan, kProbation, kMain };

// Not thread-safe.
class EvictionQueues {
 public:
  // `queue_of` has a byte for each frame, all zeros, and outlives this.
  explicit EvictionQueues(std::span<EvictionQueue> queue_of);

  // Puts a frame at the end of `queue`, unless it is in a queue already.
  void Append(FrameIndex frame, EvictionQueue queue);

  struct Candidate {
    FrameIndex frame = kNoFrame;  // kNoFrame: all queues are empty
    EvictionQueue from = EvictionQueue::kNone;
  };

  // Takes out the frame to be looked at next: the first of the scan queue or of
  // probation where that is longer than its share, else the first of main.
  Candidate Pop();

  // The frame that Pop would take from `queue` after `distance` others,
  // kNoFrame if there is none: for fetching what is known of it beforehand.
  FrameIndex Ahead(EvictionQueue queue, size_t distance) const {
    const std::deque<FrameIndex>& frames =
        queues_[static_cast<size_t>(queue) - 1];
    return distance < frames.size() ? frames[distance] : kNoFrame;
  }

  // Takes out all of `frames` that are in a queue. Looks at every frame.
  void Remove(std::span<const FrameIndex> frames);

 private:
  std::deque<FrameIndex>& QueueFor(EvictionQueue queue) {
    return queues_[static_cast<size_t>(queue) - 1];
  }

  // The queue that Pop takes from; kNone if all are empty.
  EvictionQueue Next();

  const std::span<EvictionQueue> queue_of_;
  std::array<std::deque<FrameIndex>, 3> queues_;
};

}  // namespace quire::cache

#endif  // QUIRE_CACHE_EVICTION_QUEUES_H_
