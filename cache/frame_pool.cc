#include "cache/frame_pool.h"

#include <algorithm>

#include "base/check.h"
#include "base/prefetch.h"
#include "cache/epoch.h"

namespace quire::cache {
namespace {

// Pages looked at in one refill at most, where the cache is larger: about a
// millisecond under the pool's lock.
constexpr size_t kMaxVisits = 1 << 14;

// Zombies looked at in one refill.
constexpr size_t kZombieBatch = 16;

// How many frames are looked at while a cache line comes from memory.
constexpr size_t kAhead = 6;

// Entries evicted under one hold of the pool's lock when a file goes.
constexpr uint64_t kTakeBackBatch = 4096;

// Where a page that was used while it was in `queue` goes.
EvictionQueue Following(EvictionQueue queue) {
  return queue == EvictionQueue::kScan ? EvictionQueue::kProbation
                                       : EvictionQueue::kMain;
}

}  // namespace

FramePool::FramePool(FrameTable& frames)
    : frames_(frames),
      batch_(std::clamp<size_t>(frames.size() / 256, 1, 32)),
      reserve_(std::clamp<size_t>(
          frames.size() / 128, std::min<size_t>(frames.size() / 16, 32), 1024)),
      queues_(frames.queues()) {}

FrameIndex FramePool::Take(EvictionQueue queue) {
  QUIRE_DCHECK(!EpochGuard::Active());
  Magazine& magazine = ThisThreadMagazine();
  FrameIndex frame;
  {
    base::MutexLock lock(magazine.mu);
    if (magazine.frames.empty()) Refill(magazine.frames);
    if (magazine.frames.empty()) return kNoFrame;
    // The frame leaves the magazine last, so that it isn't lost if memory runs
    // out.
    frame = magazine.frames.back();
    magazine.taken.push_back({frame, queue});
    if (magazine.taken.size() >= batch_) Enqueue(magazine.taken);
    magazine.frames.pop_back();
  }
  frames_.Unpoison(frame);
  return frame;
}

void FramePool::Enqueue(std::vector<Taken>& taken) {
  base::MutexLock lock(mu_);
  // One that was returned, and taken again, keeps its place.
  for (const Taken& each : taken) queues_.Append(each.frame, each.queue);
  taken.clear();
}

void FramePool::Return(FrameIndex frame) {
  frames_.Poison(frame);
  Magazine& magazine = ThisThreadMagazine();
  {
    base::MutexLock lock(magazine.mu);
    // Fewer than a refill gives: where frames are few, one that lies in another
    // thread's magazine may be the only one.
    if (magazine.frames.size() + 1 < batch_) {
      magazine.frames.push_back(frame);
      return;
    }
  }
  base::MutexLock lock(mu_);
  free_.push_back(frame);
}

void FramePool::TakeBack(const Translation& translation) {
  std::vector<FrameIndex> taken;
  for (uint64_t page = 0; page < translation.page_count();) {
    const uint64_t end =
        std::min(page + kTakeBackBatch, translation.page_count());
    base::MutexLock lock(mu_);
    for (; page < end; ++page) {
      // Most pages of a large file were never in memory: a load alone doesn't
      // make the kernel give memory to the array. Acquire: what filled the
      // frame comes before what fills it next.
      PageEntry& entry = translation.entry(page);
      if (IsEvicted(entry.load(std::memory_order_acquire))) continue;
      const uint64_t old =
          entry.exchange(kEvictedEntry, std::memory_order_acquire);
      QUIRE_CHECK(IsResident(old));
      frames_.Owner(FrameOf(old)).store(nullptr, std::memory_order_relaxed);
      taken.push_back(FrameOf(old));
    }
  }
  if (taken.empty()) return;
  base::MutexLock lock(mu_);
  queues_.Remove(taken);
  SendToLimbo(taken);
  Harvest();
}

void FramePool::TakeBack(PageEntry& entry) {
  base::MutexLock lock(mu_);
  uint64_t old = entry.load(std::memory_order_relaxed);
  // Until it is taken, or not resident: only counts of its use come between.
  // Acquire: as in Visit.
  do {
    if (!IsResident(old)) return;
  } while (!entry.compare_exchange_weak(old, kEvictedEntry,
                                        std::memory_order_acquire,
                                        std::memory_order_relaxed));
  frames_.Owner(FrameOf(old)).store(nullptr, std::memory_order_relaxed);
  const std::vector<FrameIndex> taken = {FrameOf(old)};
  queues_.Remove(taken);
  SendToLimbo(taken);
}

uint64_t FramePool::evictions() const {
  base::MutexLock lock(mu_);
  return evictions_;
}

uint64_t FramePool::used() const {
  uint64_t idle = 0;
  for (const Magazine& magazine : magazines_) {
    base::MutexLock lock(magazine.mu);
    idle += magazine.frames.size();
  }
  base::MutexLock lock(mu_);
  idle += Available() + limbo_.size() + zombies_.size();
  // Frames that moved on between the locks may have been counted twice.
  return idle < frames_.size() ? frames_.size() - idle : 0;
}

void FramePool::Refill(std::vector<FrameIndex>& frames) {
  // First: a frame must not be in the magazine and new, or free, as well.
  frames.reserve(batch_);
  base::MutexLock lock(mu_);
  Harvest();
  const size_t target = batch_ + reserve_;
  const size_t have = Available() + limbo_.size();
  if (have < target) {
    Evict(target - have);
    Harvest();
  }
  const size_t given = std::min(batch_, Available());
  for (size_t i = 0; i < given && !free_.empty(); ++i) {
    frames.push_back(free_.back());
    free_.pop_back();
  }
  // The lowest on top: pages that are loaded one after the other come to lie so
  // (PlacementHints).
  const size_t fresh = given - frames.size();
  for (size_t i = fresh; i > 0; --i) {
    frames.push_back(new_frames_ + static_cast<FrameIndex>(i) - 1);
  }
  new_frames_ += fresh;
  if (new_frames_ == frames_.size()) {
    all_frames_used_.store(true, std::memory_order_relaxed);
  }
}

size_t FramePool::Available() const {
  return free_.size() + (frames_.size() - new_frames_);
}

void FramePool::Evict(size_t want) {
  // Without use in between, a page is evicted at the fourth look: used in the
  // scan queue, used in probation, used in main.
  constexpr size_t kLooks = 4;
  const size_t visits =
      std::min(frames_.size() * kLooks, std::max(kMaxVisits, 64 * want));
  std::vector<FrameIndex> evicted;
  evicted.reserve(want);
  for (size_t i = 0; i < visits && evicted.size() < want; ++i) {
    const EvictionQueues::Candidate candidate = queues_.Pop();
    if (candidate.frame == kNoFrame) break;
    PrefetchAhead(candidate.from);
    const EvictionQueue queue = Visit(candidate);
    if (queue == EvictionQueue::kNone) {
      evicted.push_back(candidate.frame);
    } else {
      queues_.Append(candidate.frame, queue);
    }
  }
  evictions_ += evicted.size();
  SendToLimbo(evicted);
}

void FramePool::PrefetchAhead(EvictionQueue queue) const {
  const FrameIndex far = queues_.Ahead(queue, 2 * kAhead);
  if (far != kNoFrame) base::PrefetchCacheLine(&frames_.Owner(far));
  const FrameIndex near = queues_.Ahead(queue, kAhead);
  if (near == kNoFrame) return;
  // Relaxed: the address is all that is used, and it need not be right.
  base::PrefetchCacheLine(frames_.Owner(near).load(std::memory_order_relaxed));
}

EvictionQueue FramePool::Visit(EvictionQueues::Candidate candidate) {
  const auto [frame, from] = candidate;
  // Acquire: pairs with the release store in PageCache::Publish, which made the
  // entry known. It can't go away: a translation lives until TakeBack, which
  // needs the lock that we hold.
  PageEntry* const entry = frames_.Owner(frame).load(std::memory_order_acquire);
  if (entry == nullptr || frames_.InUse(frame)) return Following(from);
  uint64_t old = entry->load(std::memory_order_relaxed);
  // Publish names the owner before it makes the page resident.
  if (!IsResident(old) || FrameOf(old) != frame) return Following(from);
  if (IsUsed(old)) {
    // Relaxed: only a hint.
    entry->fetch_and(~kUsedBit, std::memory_order_relaxed);
    return Following(from);
  }
  const bool ghost = from == EvictionQueue::kProbation;
  const uint64_t stamp = ghosts_.load(std::memory_order_relaxed) + 1;
  // Fails if the page was used this moment. Acquire: the filling of the frame
  // comes before its next filling. That no reader can still see the frame is
  // the business of the epoch, which is advanced after this write.
  if (!entry->compare_exchange_strong(
          old, ghost ? GhostEntry(stamp) : kEvictedEntry,
          std::memory_order_acquire, std::memory_order_relaxed)) {
    return from;
  }
  if (ghost) ghosts_.store(stamp, std::memory_order_relaxed);
  frames_.Owner(frame).store(nullptr, std::memory_order_relaxed);
  return EvictionQueue::kNone;
}

void FramePool::SendToLimbo(const std::vector<FrameIndex>& frames) {
  if (frames.empty()) return;
  const uint64_t tag = AdvanceEpoch();
  for (FrameIndex frame : frames) limbo_.push_back({frame, tag});
}

void FramePool::Harvest() {
  const size_t zombies = std::min(zombies_.size(), kZombieBatch);
  for (size_t i = 0; i < zombies; ++i) {
    const FrameIndex frame = zombies_.front();
    zombies_.pop_front();
    if (frames_.InUse(frame)) {
      zombies_.push_back(frame);
    } else {
      Free(frame);
    }
  }
  while (!limbo_.empty() && EpochHasPassed(limbo_.front().tag)) {
    const FrameIndex frame = limbo_.front().frame;
    limbo_.pop_front();
    if (frames_.InUse(frame)) {
      zombies_.push_back(frame);
    } else {
      Free(frame);
    }
  }
}

void FramePool::Free(FrameIndex frame) {
  frames_.Poison(frame);
  free_.push_back(frame);
}

}  // namespace quire::cache
