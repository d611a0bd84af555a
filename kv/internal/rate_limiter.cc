#include "kv/internal/rate_limiter.h"

#include <algorithm>
#include <thread>

namespace quire::kv_internal {
namespace {

// How soon a cancelled caller notices.
constexpr std::chrono::milliseconds kStep{20};

}  // namespace

void RateLimiter::Pass(uint64_t bytes, const std::atomic<bool>& cancelled) {
  if (bytes_per_second_ == 0) return;
  const std::chrono::duration<double> time(
      static_cast<double>(bytes) / static_cast<double>(bytes_per_second_));
  Clock::time_point until;
  {
    base::MutexLock lock(mu_);
    until = std::max(paid_until_, Clock::now()) +
            std::chrono::duration_cast<Clock::duration>(time);
    paid_until_ = until;
  }
  // Relaxed: a request to stop, which publishes nothing.
  while (!cancelled.load(std::memory_order_relaxed)) {
    const Clock::time_point now = Clock::now();
    if (now >= until) return;
    std::this_thread::sleep_for(std::min<Clock::duration>(until - now, kStep));
  }
}

}  // namespace quire::kv_internal
