// The memory that pages are kept in: an arena of 4 KiB frames, and for each
// frame who uses it.

#ifndef QUIRE_CACHE_FRAME_TABLE_H_
#define QUIRE_CACHE_FRAME_TABLE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "base/check.h"
#include "cache/eviction_queues.h"
#include "cache/huge_buffer.h"
#include "cache/page_entry.h"

namespace quire::cache {

inline constexpr uint64_t kFrameBytes = 4096;

// Frames are numbered from 0 in the order of their addresses. A frame is used
// outside of epoch guards in two ways, both counted in its descriptor:
//
//   hold   by a Read that is about to copy or hand out its bytes; short
//   pin    by a pointer that was handed out; as long as the user likes
//
// A frame that is held or pinned is not reused. Pinned frames are limited to a
// quarter of all, so that pointers which users keep can't choke the cache:
// where TryPin refuses, the caller copies. The count lies in the frame's
// descriptor, which a hit that takes neither hold nor pin doesn't touch.
//
// Thread-safe but for Poison and Unpoison, which are for who owns the frame.
class FrameTable {
 public:
  // ResourceExhausted if the memory can't be had. REQUIRES: 0 < frame_count <
  // kNoFrame.
  static absl::StatusOr<std::unique_ptr<FrameTable>> Create(
      uint32_t frame_count);

  ~FrameTable();
  FrameTable(const FrameTable&) = delete;
  FrameTable& operator=(const FrameTable&) = delete;

  uint32_t size() const { return size_; }

  // All frames, for I/O engines that want to know them beforehand.
  std::span<std::byte> memory() const {
    return {arena_.data(), size_ * kFrameBytes};
  }

  // The frame's kFrameBytes bytes.
  std::byte* Data(FrameIndex frame) const {
    QUIRE_DCHECK(frame < size_);
    return arena_.data() + frame * kFrameBytes;
  }

  // A byte for the user's marks; cleared by PageCache::Publish.
  std::atomic<uint8_t>& Marks(FrameIndex frame) const { return marks_[frame]; }

  // The entry of the page in the frame, nullptr if there is none. Set by
  // PageCache::Publish and Offer before the entry itself is, cleared under the
  // pool's lock. An Offer that is refused clears it without the lock: the frame
  // is held and no page's, so nobody else sets it and the pool passes it by.
  std::atomic<PageEntry*>& Owner(FrameIndex frame) const {
    return descriptors_[frame].owner;
  }

  // A byte for each frame, for the pool and under its lock.
  std::span<EvictionQueue> queues() const { return {queues_, size_}; }

  // Takes a hold. REQUIRES: the caller is in a guard in which it found the
  // frame, or owns the frame. Relaxed: that guard, or that ownership, orders it
  // before a reuse (see InUse).
  void Hold(FrameIndex frame) {
    descriptors_[frame].uses.fetch_add(kOneHold, std::memory_order_relaxed);
  }

  // Lets a hold go. Release: what was done with the bytes comes before InUse.
  void Unhold(FrameIndex frame) {
    descriptors_[frame].uses.fetch_sub(kOneHold, std::memory_order_release);
  }

  // Takes a pin, unless that would pin one frame more than allowed.
  // REQUIRES: the caller holds the frame.
  [[nodiscard]] bool TryPin(FrameIndex frame);

  // Lets a pin go; on any thread.
  void Unpin(FrameIndex frame);

  // True if the frame is held or pinned. Acquire, pairs with Unhold and Unpin.
  // Once the frame is unreachable and its epoch has passed, holds and pins only
  // end (a pin is taken only from a hold, a hold only in a guard that found the
  // frame), all of them are visible, and false is final.
  bool InUse(FrameIndex frame) const {
    return descriptors_[frame].uses.load(std::memory_order_acquire) != 0;
  }

  // Frames that are pinned now. Exact when nobody pins meanwhile.
  uint32_t pinned() const { return pinned_.load(std::memory_order_relaxed); }

  // Tells AddressSanitizer, where it is there, that nobody may touch the
  // frame's bytes, and that they are good again.
  void Poison(FrameIndex frame) const;
  void Unpoison(FrameIndex frame) const;

 private:
  // Both counts are in one word so that InUse is one load: holds in the low
  // half, pins in the high half.
  static constexpr uint64_t kOneHold = 1;
  static constexpr uint64_t kOnePin = uint64_t{1} << 32;

  // Zero bytes are a frame that nobody uses, so the descriptors need no
  // construction, which would touch all of them at each open.
  struct Descriptor {
    std::atomic<PageEntry*> owner{nullptr};
    std::atomic<uint64_t> uses{0};
  };
  static_assert(sizeof(Descriptor) == 16 &&
                std::atomic<PageEntry*>::is_always_lock_free &&
                std::atomic<uint64_t>::is_always_lock_free);

  // `uses` has room for a descriptor, a mark and a queue of each frame, and is
  // all zeros.
  FrameTable(HugeBuffer arena, HugeBuffer uses, uint32_t frame_count);

  const HugeBuffer arena_;
  const HugeBuffer uses_;
  const uint32_t size_;
  const uint32_t max_pinned_;
  Descriptor* const descriptors_;
  std::atomic<uint8_t>* const marks_;
  EvictionQueue* const queues_;
  // One shared line: written only when a frame gets its first pin or loses its
  // last, by readers that ask for a pointer to keep; a hit doesn't. Relaxed:
  // the number limits memory and orders nothing.
  alignas(128) std::atomic<uint32_t> pinned_{0};
};

}  // namespace quire::cache

#endif  // QUIRE_CACHE_FRAME_TABLE_H_
