// Why the memory orders suffice.
//
// An unlinker writes the pointer that led to an object (U), then advances the
// epoch by a read-modify-write (A), which returns the tag t and leaves t + 1. A
// scan reads the epoch, and if it is above t, looks at every slot by a
// read-modify-write that writes back what it found (S). A reader loads the
// epoch, exchanges it into its slot (X), follows the pointer (L), works, and
// empties the slot by a release store (E). To show: if S finds a slot empty or
// above t, then every guard of that slot either has ended, its work happening
// before S, or cannot see the object.
//
// Before S. Guards that ended before S in the slot's modification order: their
// work happens before their E (release). S acquires E's value, or a value that
// the same thread stored after E. So their work happens before S.
//
// Entering. Guards whose X comes after S in the slot's modification order:
//  - If S found the slot empty, the next X reads what S (or a later scan's S, a
//    read-modify-write, so part of the same release sequence) wrote: S
//    releases, X acquires. U happens before S (the scan acquired an epoch above
//    t, which continues the release sequence that A heads), so U happens before
//    L: L sees U or something later, not the object. Any X after that one is by
//    the same thread, or by one that was handed the slot through `owned`; later
//    still.
//  - If S found an epoch above t, the guard that put it there had loaded it by
//    an acquire load from the release sequence of A, so U happens before that
//    load, and before everything that this slot's owners do afterwards.
// This is why a scan writes to the slots and why entering is an exchange: both
// being read-modify-writes of one location, one comes first and the other sees
// it. Plain loads and stores would need two sequentially consistent fences,
// which ThreadSanitizer doesn't model, and save nothing: an exchange costs the
// same as a store and a fence. A stale epoch in X only delays reuse.
//
// New slots. Chunks are appended by a compare-exchange on `next`, and a scan
// reads `next` by one as well: a chunk that the scan missed was appended after
// it in the modification order of `next`, so U happens before its first use.
//
// The answer is remembered in `passed_epoch`: raised by a release
// read-modify-write after the scan, read by an acquire load.

#include "cache/epoch.h"

#include <pthread.h>

#include <array>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"

namespace quire::cache {

namespace internal {

constinit std::atomic<uint64_t> global_epoch{1};
constinit thread_local EpochSlot* this_thread_epoch_slot = nullptr;
constinit thread_local uint32_t this_thread_epoch_depth = 0;

namespace {

// Few, because every scan visits all slots of a chunk.
constexpr size_t kSlotsPerChunk = 16;

struct EpochChunk {
  std::array<EpochSlot, kSlotsPerChunk> slots;
  std::atomic<EpochChunk*> next{nullptr};
};

// Head of a list that only grows.
constinit EpochChunk first_chunk;

// The highest tag known to have passed.
constinit std::atomic<uint64_t> passed_epoch{0};

// Runs when a thread ends, after the destructors of its thread_local objects,
// which may still use guards; if a later destructor uses one, the slot that it
// claims is given back in the next round.
void GiveSlotBack(void* slot) {
  QUIRE_CHECK(this_thread_epoch_depth == 0);
  this_thread_epoch_slot = nullptr;
  // Release: the next owner's exchange comes after our last store.
  static_cast<EpochSlot*>(slot)->owned.store(false, std::memory_order_release);
}

pthread_key_t MakeSlotKey() {
  pthread_key_t key;
  QUIRE_CHECK(pthread_key_create(&key, &GiveSlotBack) == 0);
  return key;
}

EpochSlot* FindFreeSlot() {
  EpochChunk* chunk = &first_chunk;
  while (true) {
    for (EpochSlot& slot : chunk->slots) {
      bool owned = slot.owned.load(std::memory_order_relaxed);
      // Acquire: pairs with GiveSlotBack.
      if (!owned && slot.owned.compare_exchange_strong(
                        owned, true, std::memory_order_acquire)) {
        return &slot;
      }
    }
    EpochChunk* next = chunk->next.load(std::memory_order_acquire);
    if (next == nullptr) {
      EpochChunk* const added = new EpochChunk;
      if (chunk->next.compare_exchange_strong(next, added,
                                              std::memory_order_acq_rel)) {
        next = added;
      } else {
        delete added;
      }
    }
    chunk = next;
  }
}

// Looks at all slots; returns the highest tag that has passed.
uint64_t ScanSlots() {
  // Nothing is known about guards that enter at this epoch or later.
  uint64_t oldest = global_epoch.load(std::memory_order_acquire);
  EpochChunk* chunk = &first_chunk;
  while (chunk != nullptr) {
    for (EpochSlot& slot : chunk->slots) {
      const uint64_t entered =
          slot.entered.fetch_add(0, std::memory_order_acq_rel);
      if (entered != 0 && entered < oldest) oldest = entered;
    }
    // A compare-exchange for what it orders (above); it changes nothing.
    EpochChunk* next = nullptr;
    chunk->next.compare_exchange_strong(next, nullptr,
                                        std::memory_order_acq_rel);
    chunk = next;
  }
  return oldest - 1;
}

}  // namespace

EpochSlot* ClaimEpochSlot() {
  static const pthread_key_t key = MakeSlotKey();
  EpochSlot* const slot = FindFreeSlot();
  QUIRE_CHECK(pthread_setspecific(key, slot) == 0);
  this_thread_epoch_slot = slot;
  return slot;
}

}  // namespace internal

namespace {

// Objects that wait for their epoch. Its lock is never held while one of them
// is reclaimed. The process ends if there is no memory for the list: what waits
// would be lost, and others would wait for it.
class RetiredList {
 public:
  void Add(std::function<bool()> reclaim) noexcept ABSL_LOCKS_EXCLUDED(mu_) {
    const uint64_t tag = AdvanceEpoch();
    base::MutexLock lock(mu_);
    waiting_.push_back({tag, std::move(reclaim)});
  }

  // Reclaims what can be, unless somebody is about it; returns how many objects
  // wait then.
  size_t TryReclaim() noexcept ABSL_LOCKS_EXCLUDED(mu_) {
    std::vector<Retired> ready;
    {
      base::MutexLock lock(mu_);
      if (running_ != 0) return waiting_.size() + running_;
      ready = TakeReady();
      if (ready.empty()) return waiting_.size();
    }
    return Run(std::move(ready));
  }

  // As TryReclaim, but waits for whoever is about it and then does it again.
  void Reclaim() noexcept ABSL_LOCKS_EXCLUDED(mu_) {
    std::vector<Retired> ready;
    {
      base::MutexLock lock(mu_);
      while (running_ != 0) not_running_.Wait(mu_);
      ready = TakeReady();
      if (ready.empty()) return;
    }
    Run(std::move(ready));
  }

 private:
  struct Retired {
    uint64_t tag;
    std::function<bool()> reclaim;
  };

  // Removes what has passed its epoch from waiting_, for Run.
  std::vector<Retired> TakeReady() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    std::vector<Retired> ready;
    std::vector<Retired> waiting;
    for (Retired& retired : waiting_) {
      (EpochHasPassed(retired.tag) ? ready : waiting)
          .push_back(std::move(retired));
    }
    waiting_ = std::move(waiting);
    running_ = ready.size();
    return ready;
  }

  size_t Run(std::vector<Retired> ready) ABSL_LOCKS_EXCLUDED(mu_) {
    std::vector<Retired> held;
    for (Retired& retired : ready) {
      if (!retired.reclaim()) held.push_back(std::move(retired));
    }
    ready.clear();  // captured objects go before anybody is told that we are
                    // done
    base::MutexLock lock(mu_);
    for (Retired& retired : held) waiting_.push_back(std::move(retired));
    running_ = 0;
    not_running_.NotifyAll();
    return waiting_.size();
  }

  base::Mutex mu_;
  base::CondVar not_running_;
  std::vector<Retired> waiting_ ABSL_GUARDED_BY(mu_);
  // Objects that one thread is reclaiming now; 0 if none is.
  size_t running_ ABSL_GUARDED_BY(mu_) = 0;
};

RetiredList& Retired() {
  static RetiredList* const list = new RetiredList;
  return *list;
}

}  // namespace

uint64_t AdvanceEpoch() {
  // Release: what was unlinked before is seen by whoever reads this epoch or a
  // later one. Acquire: the same for earlier unlinkers, so that a scan which
  // reads our epoch has theirs behind it too.
  return internal::global_epoch.fetch_add(1, std::memory_order_acq_rel);
}

bool EpochHasPassed(uint64_t tag) {
  uint64_t passed = internal::passed_epoch.load(std::memory_order_acquire);
  if (tag <= passed) return true;
  const uint64_t scanned = internal::ScanSlots();
  // Relaxed on failure: the loop only compares the number.
  while (passed < scanned && !internal::passed_epoch.compare_exchange_weak(
                                 passed, scanned, std::memory_order_release,
                                 std::memory_order_relaxed)) {
  }
  return tag <= scanned;
}

void RetireAfterEpoch(std::function<bool()> reclaim) {
  Retired().Add(std::move(reclaim));
  // Reclaiming may block (closing files, unmapping), which a guard forbids.
  if (!EpochGuard::Active()) Retired().TryReclaim();
}

size_t ReclaimRetired() {
  QUIRE_CHECK(!EpochGuard::Active());
  return Retired().TryReclaim();
}

void SynchronizeEpoch() {
  QUIRE_CHECK(!EpochGuard::Active());
  const uint64_t tag = AdvanceEpoch();
  // Guards last microseconds, unless their thread has lost its processor.
  for (int attempt = 0; !EpochHasPassed(tag); ++attempt) {
    if (attempt < 100) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  }
  Retired().Reclaim();
}

}  // namespace quire::cache
