// The state of one page of one file, in one atomic word.
//
//   EVICTED    not in memory; all bits are zero, so that fresh memory is valid
//   LOADING    one thread is reading it
//   RESIDENT   in a frame
//
//   bits    EVICTED  LOADING                    RESIDENT
//   0-1     0        1                          2
//   2       0        somebody waits             0
//   4-5     0        0                          use count
//   8-63    0        ticket of the attempt      frame, in bits 32-63
//
//   from      to        by                   how
//   EVICTED   LOADING   PageCache::Claim     compare-exchange
//   LOADING   LOADING   LoadWaits::Wait      compare-exchange (sets bit 2)
//   LOADING   RESIDENT  PageCache::Publish   exchange
//   LOADING   EVICTED   PageCache::Abandon   exchange
//   RESIDENT  RESIDENT  a hit, the clock     compare-exchange (use count)
//   RESIDENT  EVICTED   the clock            compare-exchange, under its lock
//   RESIDENT  EVICTED   PageCache::Drop      exchange, under the clock's lock
//
// The use count is here and not in an array of its own because a hit reads this
// word anyway: a second array costs 80 ns of a 600 ns read.
//
// A hit may not store: between its load and its store the clock could evict the
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

// The clock comes by a page this many times, unless it is used again, before it
// evicts it.
inline constexpr uint32_t kMaxUseCount = 3;

inline constexpr uint64_t kEvictedEntry = 0;
inline constexpr uint64_t kWaitersBit = uint64_t{1} << 2;
inline constexpr uint64_t kOneUse = uint64_t{1} << 4;

namespace internal {
inline constexpr uint64_t kStateMask = 3;
inline constexpr uint64_t kLoading = 1;
inline constexpr uint64_t kResident = 2;
inline constexpr int kUseShift = 4;
inline constexpr int kTicketShift = 8;
inline constexpr int kFrameShift = 32;
}  // namespace internal

inline bool IsLoading(uint64_t entry) {
  return (entry & internal::kStateMask) == internal::kLoading;
}
inline bool IsResident(uint64_t entry) {
  return (entry & internal::kStateMask) == internal::kResident;
}

// REQUIRES: ticket < 2^56.
inline uint64_t LoadingEntry(uint64_t ticket) {
  return ticket << internal::kTicketShift | internal::kLoading;
}
inline uint64_t TicketOf(uint64_t loading_entry) {
  return loading_entry >> internal::kTicketShift;
}

// REQUIRES: use_count <= kMaxUseCount.
inline uint64_t ResidentEntry(FrameIndex frame, uint32_t use_count) {
  return uint64_t{frame} << internal::kFrameShift |
         uint64_t{use_count} << internal::kUseShift | internal::kResident;
}
inline FrameIndex FrameOf(uint64_t resident_entry) {
  return static_cast<FrameIndex>(resident_entry >> internal::kFrameShift);
}
inline uint32_t UseCountOf(uint64_t resident_entry) {
  return static_cast<uint32_t>(resident_entry >> internal::kUseShift) &
         kMaxUseCount;
}

}  // namespace quire::cache

#endif  // QUIRE_CACHE_PAGE_ENTRY_H_
