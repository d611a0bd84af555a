// Epoch-based reclamation: how memory that readers reach without locks is
// freed.
//
// One domain serves the whole process: database views, page frames, retired
// index arrays. A reader enters a guard (one exchange on a cache line that only
// its thread writes), follows shared pointers, and leaves. Whoever unlinks an
// object retires it: the object is freed once every guard that could have seen
// it has been left.
//
// Rules for readers:
//  - Pointers obtained inside a guard die with it, unless a pin or a hold was
//    taken on them while inside.
//  - Nothing blocks inside a guard: no I/O, no lock that is held across I/O, no
//    wait. A stalled guard delays every reuse of memory in the process, though
//    never correctness.
//  - Guards nest; a guard belongs to the thread that made it.
//  - A child made by fork inherits the guards of threads that it doesn't have:
//    nothing is reclaimed there. Databases refuse to work in such a child.
//
// After Fraser, "Practical lock-freedom" (2004), with one owned slot per thread
// as in FASTER's epoch table. cache/epoch.cc proves the memory orders.

#ifndef QUIRE_CACHE_EPOCH_H_
#define QUIRE_CACHE_EPOCH_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "base/check.h"

namespace quire::cache {

namespace internal {

// Where one thread says in which epoch its outermost guard began; 0 outside of
// guards. Alone on its pair of cache lines, which the processor fetches
// together. Slots are never freed, only handed to another thread.
struct alignas(128) EpochSlot {
  std::atomic<uint64_t> entered{0};
  std::atomic<bool> owned{false};
};

// Starts at 1, so that 0 can mean "no guard".
extern constinit std::atomic<uint64_t> global_epoch;

// The calling thread's slot, nullptr before its first guard, and how many
// guards are nested now. initial-exec: one addition to the thread pointer, also
// from a shared library, instead of a call. Two variables, not a struct: when a
// linker relaxes the access, GCC's null check of a struct's address goes by
// flags that the relaxed instruction doesn't set, and UBSan reports an error.
extern constinit thread_local EpochSlot* this_thread_epoch_slot
    __attribute__((tls_model("initial-exec")));
extern constinit thread_local uint32_t this_thread_epoch_depth
    __attribute__((tls_model("initial-exec")));

// Gives the calling thread a slot until it ends. Throws std::bad_alloc, with
// nothing changed, where all slots are taken and there is no memory for more.
EpochSlot* ClaimEpochSlot();

}  // namespace internal

// Keeps everything that the calling thread reaches from being freed or reused
// until destruction. Cost: an exchange at the outermost entry, a store at the
// outermost exit, no shared write.
class EpochGuard {
 public:
  EpochGuard() {
    if (internal::this_thread_epoch_depth != 0) {
      ++internal::this_thread_epoch_depth;
      return;
    }
    internal::EpochSlot* slot = internal::this_thread_epoch_slot;
    // Before the thread counts as inside, since it may throw.
    if (slot == nullptr) [[unlikely]]
      slot = internal::ClaimEpochSlot();
    internal::this_thread_epoch_depth = 1;
    // An exchange, not a store: see "Entering" in epoch.cc.
    slot->entered.exchange(
        internal::global_epoch.load(std::memory_order_acquire),
        std::memory_order_acq_rel);
  }

  ~EpochGuard() {
    QUIRE_DCHECK(internal::this_thread_epoch_depth > 0);
    if (--internal::this_thread_epoch_depth != 0) return;
    // Release: what was done inside comes before the slot is seen empty.
    internal::this_thread_epoch_slot->entered.store(0,
                                                    std::memory_order_release);
  }

  EpochGuard(const EpochGuard&) = delete;
  EpochGuard& operator=(const EpochGuard&) = delete;

  // True while the calling thread is inside a guard. For assertions.
  static bool Active() { return internal::this_thread_epoch_depth != 0; }
};

// Marks the moment after an object was unlinked (by an atomic write to the
// pointer that led to it, earlier on this thread) and returns a tag for
// EpochHasPassed. That write may have any order: the call releases it, and who
// has it behind them reads no older value of the pointer (coherence).
// Thread-safe; writes one shared line.
uint64_t AdvanceEpoch();

// True once no guard that could have seen what was unlinked before the call of
// AdvanceEpoch that returned `tag` is still active. Never turns false again;
// what those guards' threads did inside them then happens before the return.
// Thread-safe; scans all threads' slots unless the answer is known already.
bool EpochHasPassed(uint64_t tag);

// Runs `reclaim` at some later call of RetireAfterEpoch, ReclaimRetired or
// SynchronizeEpoch, on that caller's thread, after every guard active now has
// been left. `reclaim` returns false to be asked again later (the object is
// still held by a count) and true when it is done. It must not take locks that
// its callers may hold, and must not call SynchronizeEpoch; it may retire other
// objects. Thread-safe; allowed inside a guard.
void RetireAfterEpoch(std::function<bool()> reclaim);

// Runs what can be reclaimed now, unless another thread (or a caller further up
// the stack) is about it. Returns how many retired objects still wait, those
// being reclaimed at the moment included. Thread-safe; must be called outside
// of any guard.
size_t ReclaimRetired();

// Blocks until every guard that was active at the call has been left and no
// other thread is running a `reclaim`, then asks every object retired before
// the call once. Must be called outside of any guard. Thread-safe.
void SynchronizeEpoch();

}  // namespace quire::cache

#endif  // QUIRE_CACHE_EPOCH_H_
