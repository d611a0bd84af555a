#include "cache/page_cache.h"

#include <utility>

#include "base/status_macros.h"

namespace quire::cache {

absl::StatusOr<std::unique_ptr<PageCache>> PageCache::Create(
    uint32_t frame_count) {
  QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<FrameTable> frames,
                         FrameTable::Create(frame_count));
  return std::unique_ptr<PageCache>(new PageCache(std::move(frames)));
}

PageCache::PageCache(std::unique_ptr<FrameTable> frames)
    : frames_(std::move(frames)), pool_(*frames_) {}

ClaimResult PageCache::Claim(PageEntry& entry, LoadFor purpose,
                             PageLoad* load) {
  uint64_t seen = entry.load(std::memory_order_relaxed);
  if (IsEvicted(seen)) {
    const FrameIndex frame = pool_.Take(QueueFor(seen, purpose));
    if (frame == kNoFrame) return ClaimResult::kNoFrame;
    const uint64_t ticket = waits_.NextTicket();
    // Relaxed: the frame is ours through the pool's locks, and an evicted entry
    // says nothing about other memory.
    if (entry.compare_exchange_strong(seen, LoadingEntry(ticket),
                                      std::memory_order_relaxed)) {
      frames_->Hold(frame);
      *load = {&entry, ticket, frame};
      return ClaimResult::kClaimed;
    }
    pool_.Return(frame);
  }
  return IsLoading(seen) ? ClaimResult::kLoading : ClaimResult::kResident;
}

EvictionQueue PageCache::QueueFor(uint64_t evicted_entry,
                                  LoadFor purpose) const {
  if (purpose == LoadFor::kScan) return EvictionQueue::kScan;
  return pool_.IsYoungGhost(evicted_entry) ? EvictionQueue::kMain
                                           : EvictionQueue::kProbation;
}

void PageCache::Publish(const PageLoad& load) {
  frames_->Marks(load.frame).store(0, std::memory_order_relaxed);
  // Release: the pool follows this pointer into the translation.
  frames_->Owner(load.frame).store(load.entry, std::memory_order_release);
  // Release: the bytes and the marks come before the page is found. Nothing is
  // read through the old value.
  const uint64_t old = load.entry->exchange(ResidentEntry(load.frame),
                                            std::memory_order_release);
  QUIRE_DCHECK(IsLoading(old) && TicketOf(old) == load.ticket);
  if ((old & kWaitersBit) != 0) {
    waits_.Finish(*load.entry, load.ticket, absl::OkStatus());
  }
}

void PageCache::Abandon(const PageLoad& load, const absl::Status& status) {
  QUIRE_CHECK(!status.ok());
  // Relaxed: says nothing about other memory.
  const uint64_t old =
      load.entry->exchange(kEvictedEntry, std::memory_order_relaxed);
  QUIRE_DCHECK(IsLoading(old) && TicketOf(old) == load.ticket);
  if ((old & kWaitersBit) != 0) {
    waits_.Finish(*load.entry, load.ticket, status);
  }
  frames_->Unhold(load.frame);
  pool_.Return(load.frame);
}

FrameIndex PageCache::TakeFree(const PageEntry& entry, LoadFor purpose) {
  // Relaxed, and it may change until Offer: only says in which queue to wait.
  const uint64_t seen = entry.load(std::memory_order_relaxed);
  const FrameIndex frame =
      pool_.Take(QueueFor(IsEvicted(seen) ? seen : kEvictedEntry, purpose));
  if (frame != kNoFrame) frames_->Hold(frame);
  return frame;
}

bool PageCache::Offer(PageEntry& entry, FrameIndex frame) {
  frames_->Marks(frame).store(0, std::memory_order_relaxed);
  // Release: as in Publish. The pool passes by, since the frame is held.
  frames_->Owner(frame).store(&entry, std::memory_order_release);
  uint64_t seen = entry.load(std::memory_order_relaxed);
  while (IsEvicted(seen)) {
    // Release: as in Publish.
    if (entry.compare_exchange_weak(seen, ResidentEntry(frame),
                                    std::memory_order_release,
                                    std::memory_order_relaxed)) {
      return true;
    }
  }
  frames_->Owner(frame).store(nullptr, std::memory_order_relaxed);
  return false;
}

void PageCache::GiveBack(FrameIndex frame) {
  frames_->Unhold(frame);
  pool_.Return(frame);
}

}  // namespace quire::cache
