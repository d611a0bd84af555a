// A cache of 4 KiB pages: the frames, who is in them, and the protocol by which
// pages come in. It knows no file, no I/O and no checksum: a page is an entry
// of a Translation, its content whatever its loader puts there.
//
// Pages are immutable: the bytes of a page are the same at each load. So a hit
// needs no version check; the one danger is reuse of the frame, and the epoch
// covers that.
//
//   hit     inside an EpochGuard: Find gives the frame, valid while the guard
//   is
//           held. Hold it to use it beyond; TryPin for as long as you like.
//   miss    outside of any guard: Claim; whoever gets kClaimed fills the frame
//           and calls Publish or Abandon; whoever gets kLoading has all of its
//           own claims published or abandoned and then calls Wait. One load per
//           page, however many ask.
//
// Nothing waits for a frame: if none can be had (kNoFrame), the caller reads
// into memory of its own.

#ifndef QUIRE_CACHE_PAGE_CACHE_H_
#define QUIRE_CACHE_PAGE_CACHE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/check.h"
#include "cache/epoch.h"
#include "cache/eviction_queues.h"
#include "cache/frame_pool.h"
#include "cache/frame_table.h"
#include "cache/load_waits.h"
#include "cache/page_entry.h"
#include "cache/translation.h"

namespace quire::cache {

// What a page is loaded for.
enum class LoadFor : uint8_t {
  kPoint,  // a point read
  kScan,   // a scan, or it comes along with another page
};

enum class ClaimResult : uint8_t {
  kClaimed,   // the caller loads the page
  kResident,  // it is there (or was a moment ago): Find it
  kLoading,   // another thread loads it: Wait, outside of any guard
  kNoFrame,   // evicted, and there is no frame to load it into
};

// A page that the caller has claimed. Its frame is held for the caller.
struct PageLoad {
  PageEntry* entry = nullptr;
  uint64_t ticket = 0;
  FrameIndex frame = kNoFrame;
};

// Thread-safe. All entries come from Translations that Drop is called for
// before they are destroyed.
class PageCache {
 public:
  // ResourceExhausted if the memory can't be had. REQUIRES: 0 < frame_count <
  // kNoFrame.
  static absl::StatusOr<std::unique_ptr<PageCache>> Create(
      uint32_t frame_count);

  PageCache(const PageCache&) = delete;
  PageCache& operator=(const PageCache&) = delete;

  // The frame of a page, or kNoFrame if it isn't resident. Wait-free, writes
  // nothing. The frame keeps the page's bytes while the caller's guard lasts.
  // REQUIRES: an EpochGuard is active.
  FrameIndex Find(const PageEntry& entry) const {
    QUIRE_DCHECK(EpochGuard::Active());
    // Acquire: pairs with Publish; the frame's bytes are complete.
    const uint64_t seen = entry.load(std::memory_order_acquire);
    return IsResident(seen) ? FrameOf(seen) : kNoFrame;
  }

  // As Find, and marks the page as used: one that is used much is found without
  // any write until the pool comes by.
  FrameIndex FindAndUse(PageEntry& entry) const {
    QUIRE_DCHECK(EpochGuard::Active());
    uint64_t seen = entry.load(std::memory_order_acquire);
    if (!IsResident(seen)) return kNoFrame;
    const FrameIndex frame = FrameOf(seen);
    if (!IsUsed(seen)) {
      // Relaxed, and no second try: it is only a hint. (A read-modify-write
      // also keeps what Publish released to later readers.)
      entry.compare_exchange_weak(seen, seen | kUsedBit,
                                  std::memory_order_relaxed);
    }
    return frame;
  }

  // The kFrameBytes bytes of a frame that the caller found in its guard, holds
  // or has pinned.
  std::byte* Data(FrameIndex frame) const { return frames_->Data(frame); }

  // A byte of marks, cleared at each fill, for the same callers.
  std::atomic<uint8_t>& Marks(FrameIndex frame) const {
    return frames_->Marks(frame);
  }

  // Keeps the frame as it is until Unhold; for the time of one operation.
  // REQUIRES: an EpochGuard is active in which the caller found the frame.
  void Hold(FrameIndex frame) {
    QUIRE_DCHECK(EpochGuard::Active());
    frames_->Hold(frame);
  }
  void Unhold(FrameIndex frame) { frames_->Unhold(frame); }

  // Keeps the frame as it is until Unpin, for long. False if a quarter of the
  // cache is pinned already: copy instead. REQUIRES: the caller holds the
  // frame.
  [[nodiscard]] bool TryPin(FrameIndex frame) { return frames_->TryPin(frame); }
  void Unpin(FrameIndex frame) { frames_->Unpin(frame); }

  // Takes the load of an evicted page upon the caller, who must soon Publish or
  // Abandon it, without waiting for another page in between. `load` is set only
  // with kClaimed. REQUIRES: outside of any guard.
  ClaimResult Claim(PageEntry& entry, LoadFor purpose, PageLoad* load);

  // True while some thread loads the page.
  bool Loading(const PageEntry& entry) const {
    // Relaxed: a hint whether Wait is worth while.
    return IsLoading(entry.load(std::memory_order_relaxed));
  }

  // The frame has the page's bytes: makes the page resident and wakes who
  // waits. The caller keeps its hold until it calls Unhold(load.frame).
  void Publish(const PageLoad& load);

  // The load failed with `status`, which must not be OK: whoever waits gets it,
  // whoever comes later may try again. Takes the frame back.
  void Abandon(const PageLoad& load, const absl::Status& status);

  // For loads that nobody may wait for, because it isn't known when they end:
  // a frame to fill with the page of `entry`, held for the caller, or kNoFrame.
  // REQUIRES: outside of any guard.
  FrameIndex TakeFree(const PageEntry& entry, LoadFor purpose);

  // `frame`, of TakeFree, has the page's bytes: makes the page resident there,
  // as Publish does, unless it is resident or being loaded by now (false).
  // Afterwards Unhold if it is, GiveBack if it isn't.
  [[nodiscard]] bool Offer(PageEntry& entry, FrameIndex frame);

  // Gives back a frame of TakeFree that is no page's.
  void GiveBack(FrameIndex frame);

  // Waits while another thread loads the page. OK: look again (the page may be
  // evicted again by then). Else the error of that attempt. REQUIRES: outside
  // of any guard, and the caller has no claim open: two threads that wait for
  // each other's pages would wait for ever.
  absl::Status Wait(PageEntry& entry) { return waits_.Wait(entry); }

  // Forgets one page, unless it is being loaded; a frame that is held or pinned
  // keeps its bytes until that ends. REQUIRES: outside of any guard.
  void Forget(PageEntry& entry) { pool_.TakeBack(entry); }

  // Forgets all pages of a translation; frames that are held or pinned keep
  // their bytes until that ends. REQUIRES: nobody uses the translation or a
  // frame found through it without a hold or a pin, and nobody will.
  void Drop(const Translation& translation) { pool_.TakeBack(translation); }

  // All frames' memory, which stays where it is.
  std::span<std::byte> memory() const { return frames_->memory(); }

  // True once each frame has been filled at least once, so that all of memory()
  // has been taken from the machine. Cheap.
  bool all_frames_used() const { return pool_.all_frames_used(); }

  // Frames with a page, those being filled included.
  uint64_t used_frames() const { return pool_.used(); }
  uint32_t pinned_frames() const { return frames_->pinned(); }
  uint64_t evictions() const { return pool_.evictions(); }

 private:
  // Where a page that is being claimed begins.
  EvictionQueue QueueFor(uint64_t evicted_entry, LoadFor purpose) const;

  explicit PageCache(std::unique_ptr<FrameTable> frames);

  const std::unique_ptr<FrameTable> frames_;
  FramePool pool_;
  LoadWaits waits_;
};

}  // namespace quire::cache

#endif  // QUIRE_CACHE_PAGE_CACHE_H_
