#include "cache/eviction_queues.h"

#include <array>

namespace quire::cache {
namespace {

// A queue's share of the frames, beyond which it gives frames up before main
// does, is one in so many.
constexpr size_t kScanShare = 32;
constexpr size_t kProbationShare = 10;

}  // namespace

EvictionQueues::EvictionQueues(std::span<EvictionQueue> queue_of)
    : queue_of_(queue_of) {}

void EvictionQueues::Append(FrameIndex frame, EvictionQueue queue) {
  if (queue_of_[frame] != EvictionQueue::kNone) return;
  QueueFor(queue).push_back(frame);
  queue_of_[frame] = queue;  // not if there was no memory
}

EvictionQueues::Candidate EvictionQueues::Pop() {
  const EvictionQueue from = Next();
  if (from == EvictionQueue::kNone) return {};
  std::deque<FrameIndex>& queue = QueueFor(from);
  const FrameIndex frame = queue.front();
  queue.pop_front();
  queue_of_[frame] = EvictionQueue::kNone;
  return {frame, from};
}

void EvictionQueues::Remove(std::span<const FrameIndex> frames) {
  for (FrameIndex frame : frames) queue_of_[frame] = EvictionQueue::kNone;
  for (std::deque<FrameIndex>& queue : queues_) {
    std::erase_if(queue, [&](FrameIndex frame) {
      return queue_of_[frame] == EvictionQueue::kNone;
    });
  }
}

EvictionQueue EvictionQueues::Next() {
  using enum EvictionQueue;
  if (QueueFor(kScan).size() > queue_of_.size() / kScanShare) return kScan;
  if (QueueFor(kProbation).size() > queue_of_.size() / kProbationShare) {
    return kProbation;
  }
  for (EvictionQueue queue : {kMain, kProbation, kScan}) {
    if (!QueueFor(queue).empty()) return queue;
  }
  return kNone;
}

}  // namespace quire::cache
