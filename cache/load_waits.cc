#include "cache/load_waits.h"

#include <new>
#include <utility>

#include "base/check.h"
#include "cache/epoch.h"

namespace quire::cache {
namespace {

// A copy that shares no reference count, without its message if that can't be
// had.
absl::Status OwnCopy(const absl::Status& status) noexcept {
  try {
    return absl::Status(status.code(), status.message());
  } catch (const std::bad_alloc&) {
    return absl::Status(status.code(), "");
  }
}

}  // namespace

absl::Status LoadWaits::Wait(PageEntry& entry) {
  QUIRE_CHECK(!EpochGuard::Active());
  Bucket& bucket = BucketOf(entry);
  base::MutexLock lock(bucket.mu);
  // Under the lock, so that Finish, which takes it after the entry has changed,
  // can't come between the bit and the waiter's place in the list. Relaxed: a
  // waiter that needs what the loader did gets it through the lock, and the
  // page itself by the look that follows.
  uint64_t seen = entry.load(std::memory_order_relaxed);
  do {
    if (!IsLoading(seen)) return absl::OkStatus();
  } while (!entry.compare_exchange_weak(seen, seen | kWaitersBit,
                                        std::memory_order_relaxed));
  Waiter self{.ticket = TicketOf(seen)};
  bucket.waiters.push_back(&self);
  while (!self.done) self.wake.Wait(bucket.mu);
  return std::move(self.status);
}

void LoadWaits::Finish(const PageEntry& entry, uint64_t ticket,
                       const absl::Status& status) noexcept {
  Bucket& bucket = BucketOf(entry);
  base::MutexLock lock(bucket.mu);
  std::erase_if(bucket.waiters, [&](Waiter* waiter) {
    if (waiter->ticket != ticket) return false;
    if (!status.ok()) waiter->status = OwnCopy(status);
    waiter->done = true;
    // Under the lock: the waiter may be gone as soon as it can see `done`.
    waiter->wake.NotifyOne();
    return true;
  });
}

}  // namespace quire::cache
