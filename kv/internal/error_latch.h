// The first error after which a database refuses to write.
#ifndef QUIRE_KV_INTERNAL_ERROR_LATCH_H_
#define QUIRE_KV_INTERNAL_ERROR_LATCH_H_

#include <atomic>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/mutex.h"

namespace quire::kv_internal {

// Set once: the first failed write or sync whose outcome is unknown. From then
// on the files may differ from what memory says, so nothing is written any more
// and the next open recovers; reads go on. Thread-safe.
class ErrorLatch {
 public:
  // Keeps `cause` if it is the first. REQUIRES: !cause.ok().
  void Set(const absl::Status& cause) {
    base::MutexLock lock(mu_);
    if (!cause_.ok()) return;
    cause_ = cause;
    // Release: whoever sees the flag may take the lock and finds the cause.
    is_set_.store(true, std::memory_order_release);
  }

  // As Set, after std::bad_alloc: needs no memory. Returns the cause.
  absl::Status SetNoMemory() {
    Set(no_memory_);
    return no_memory_;
  }

  // OK, or FailedPrecondition that tells the first cause.
  absl::Status Check() const {
    if (!is_set_.load(std::memory_order_acquire)) return absl::OkStatus();
    base::MutexLock lock(mu_);
    return absl::FailedPreconditionError(
        "writes are refused until the database is opened again, after: " +
        cause_.ToString());
  }

 private:
  const absl::Status no_memory_ = absl::ResourceExhaustedError(
      "memory ran out on the way: the outcome is unknown");
  std::atomic<bool> is_set_{false};
  mutable base::Mutex mu_;
  absl::Status cause_ ABSL_GUARDED_BY(mu_);
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_ERROR_LATCH_H_
