// How a merge under way is watched, slowed down and stopped.
#ifndef QUIRE_KV_INTERNAL_MERGE_CONTROL_H_
#define QUIRE_KV_INTERNAL_MERGE_CONTROL_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "kv/internal/rate_limiter.h"

namespace quire::kv_internal {

// Thread-safe: one thread merges, others look or cancel. All orders are
// relaxed: nothing is published by these values.
class MergeControl {
 public:
  // Called on the merging thread now and then with entries_done(); false
  // cancels.
  using Observer = std::function<bool(uint64_t entries_done)>;

  // `limiter` must outlive the control. `observer` may be empty.
  MergeControl(RateLimiter& limiter, Observer observer)
      : limiter_(limiter), observer_(std::move(observer)) {}

  void Cancel() { cancelled_.store(true, std::memory_order_relaxed); }

  // Cancelled once Cancel has been called; otherwise OK.
  absl::Status Check() const {
    if (!cancelled_.load(std::memory_order_relaxed)) return absl::OkStatus();
    return absl::CancelledError("the merge was cancelled");
  }

  // Counts entries that were looked at. Each is looked at twice.
  void AddEntries(uint64_t count) {
    entries_done_.fetch_add(count, std::memory_order_relaxed);
    if (observer_ != nullptr && !observer_(entries_done())) Cancel();
  }
  uint64_t entries_done() const {
    return entries_done_.load(std::memory_order_relaxed);
  }

  // Waits until `bytes` that were written fit into the rate.
  void PassBytes(uint64_t bytes) { limiter_.Pass(bytes, cancelled_); }

 private:
  RateLimiter& limiter_;
  const Observer observer_;
  std::atomic<bool> cancelled_{false};
  std::atomic<uint64_t> entries_done_{0};
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_MERGE_CONTROL_H_
