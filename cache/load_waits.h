// Threads that wait for a page which another thread is reading.

#ifndef QUIRE_CACHE_LOAD_WAITS_H_
#define QUIRE_CACHE_LOAD_WAITS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/mutex.h"
#include "cache/page_entry.h"

namespace quire::cache {

// Each attempt to load a page has a ticket, which stands in the page's LOADING
// entry. Who waits sets the entry's waiters bit and waits for the ticket; who
// ends the attempt changes the entry first, and tells the waiters only if the
// bit was set. A thread that comes later finds another entry and another
// ticket, so it never takes part in an attempt that had failed before it came.
//
// Thread-safe.
class LoadWaits {
 public:
  LoadWaits() = default;
  LoadWaits(const LoadWaits&) = delete;
  LoadWaits& operator=(const LoadWaits&) = delete;

  // A number that no other attempt has.
  uint64_t NextTicket() {
    // Relaxed: only has to be unique.
    return next_ticket_.fetch_add(1, std::memory_order_relaxed);
  }

  // If `entry` is LOADING, blocks until that attempt has ended, and returns
  // what Finish was told. OK at once if it is not. After OK the page may be
  // resident, or evicted again: look.
  absl::Status Wait(PageEntry& entry);

  // Wakes those who wait for the attempt `ticket` on `entry`; where there is no
  // memory for the status's message they get its code alone. REQUIRES: the
  // entry doesn't show that attempt any more, and did with the waiters bit set.
  void Finish(const PageEntry& entry, uint64_t ticket,
              const absl::Status& status) noexcept;

 private:
  // On the stack of the thread that waits.
  struct Waiter {
    const uint64_t ticket;
    bool done = false;
    absl::Status status = absl::OkStatus();
    base::CondVar wake = {};
  };

  // Waiters by address of the entry, so that few threads share a lock.
  struct alignas(128) Bucket {
    base::Mutex mu;
    std::vector<Waiter*> waiters ABSL_GUARDED_BY(mu);
  };
  static constexpr size_t kBuckets = 32;

  Bucket& BucketOf(const PageEntry& entry) {
    return buckets_[reinterpret_cast<uintptr_t>(&entry) / sizeof(entry) %
                    kBuckets];
  }

  std::atomic<uint64_t> next_ticket_{0};
  std::array<Bucket, kBuckets> buckets_;
};

}  // namespace quire::cache

#endif  // QUIRE_CACHE_LOAD_WAITS_H_
