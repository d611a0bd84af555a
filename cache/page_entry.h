// The state of one page of one file, in one atomic word.
//
//   EVICTED    not in memory. All bits are zero, so that fresh memory is valid,
//              or the entry is a ghost: it says when the page left probation
//   LOADING    one thread is reading it
//   RESIDENT   in a frame
//
//   bits    EVICTED  LOADING                    RESIDENT
//   0-1     0        1                          2
//   2       0        somebody waits             0
//   4       0        0                          used
//   8-63    stamp    ticket of the attempt      frame, in bits 32-63
//
//   from      to        by                   how
//   EVICTED   LOADING   PageCache::Claim     compare-exchange
//   LOADING   LOADING   LoadWaits::Wait      compare-exchange (sets bit 2)
//   LOADING   RESIDENT  PageCache::Publish   exchange
//   LOADING   EVICTED   PageCache::Abandon   exchange
//   EVICTED   RESIDENT  PageCache::Offer     compare-exchange
//   RESIDENT  RESIDENT  a hit, the pool      compare-exchange (bit 4)
//   RESIDENT  EVICTED   the pool             compare-exchange, under its lock
//   RESIDENT  EVICTED   PageCache::Forget    the same
//   RESIDENT  EVICTED   PageCache::Drop      exchange, under the pool's lock
//
// The mark of use is here and not in an array of its own because a hit reads
// this word anyway: a second array costs 80 ns of a 600 ns read.
//
// A hit may not store: between its load and its store the pool could evict the
// page, and the store would bring a frame back that is about to be reused.
// Within one guard the word can't go away and come back (the same frame would
// have to be reused), so a compare-exchange never takes a new RESIDENT for an
// old one.

#ifndef QUIRE_CACHE_PAGE_ENTRY_H_
#define QUIRE_CACHE_PAGE_ENTRY_H_

#include <atomic>
#include <cstdint>

namespace quire::cache {

// Number of a frame: its place in the arena.
using FrameIndex = uint32_t;
inline constexpr FrameIndex kNoFrame = UINT32_MAX;

using PageEntry = std::atomic<uint64_t>;
static_assert(PageEntry::is_always_lock_free &&
              sizeof(PageEntry) == sizeof(uint64_t));

inline constexpr uint64_t kEvictedEntry = 0;
inline constexpr uint64_t kWaitersBit = uint64_t{1} << 2;
inline constexpr uint64_t kUsedBit = uint64_t{1} << 4;

namespace internal {
inline constexpr uint64_t kStateMask = 3;
inline constexpr uint64_t kLoading = 1;
inline constexpr uint64_t kResident = 2;
inline constexpr int kTicketShift = 8;
inline constexpr int kStampShift = 8;
inline constexpr int kFrameShift = 32;
}  // namespace internal

inline bool IsEvicted(uint64_t entry) {
  return (entry & internal::kStateMask) == 0;
}
inline bool IsLoading(uint64_t entry) {
  return (entry & internal::kStateMask) == internal::kLoading;
}
inline bool IsResident(uint64_t entry) {
  return (entry & internal::kStateMask) == internal::kResident;
}

// REQUIRES: 0 < stamp < 2^56.
inline uint64_t GhostEntry(uint64_t stamp) {
  return stamp << internal::kStampShift;
}
// 0 if the entry is not a ghost's.
inline uint64_t StampOf(uint64_t evicted_entry) {
  return evicted_entry >> internal::kStampShift;
}

// REQUIRES: ticket < 2^56.
inline uint64_t LoadingEntry(uint64_t ticket) {
  return ticket << internal::kTicketShift | internal::kLoading;
}
inline uint64_t TicketOf(uint64_t loading_entry) {
  return loading_entry >> internal::kTicketShift;
}

// Not used yet.
inline uint64_t ResidentEntry(FrameIndex frame) {
  return uint64_t{frame} << internal::kFrameShift | internal::kResident;
}
inline FrameIndex FrameOf(uint64_t resident_entry) {
  return static_cast<FrameIndex>(resident_entry >> internal::kFrameShift);
}
inline bool IsUsed(uint64_t resident_entry) {
  return (resident_entry & kUsedBit) != 0;
}

}  // namespace quire::cache

#endif  // QUIRE_CACHE_PAGE_ENTRY_H_
