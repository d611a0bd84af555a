// Spreading background writes over time.
#ifndef QUIRE_KV_INTERNAL_RATE_LIMITER_H_
#define QUIRE_KV_INTERNAL_RATE_LIMITER_H_

#include <atomic>
#include <chrono>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"

namespace quire::kv_internal {

// Lets so many bytes a second pass, over all callers together, and no burst
// that was saved up. Thread-safe.
class RateLimiter {
 public:
  // 0: no limit.
  explicit RateLimiter(uint64_t bytes_per_second)
      : bytes_per_second_(bytes_per_second) {}

  // Returns when `bytes` that have been written fit into the rate, or soon
  // after `cancelled` was set.
  void Pass(uint64_t bytes, const std::atomic<bool>& cancelled);

 private:
  using Clock = std::chrono::steady_clock;

  const uint64_t bytes_per_second_;
  base::Mutex mu_;
  // When everything that passed so far has had its time.
  Clock::time_point paid_until_ ABSL_GUARDED_BY(mu_);
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_RATE_LIMITER_H_
