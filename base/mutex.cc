#include "base/mutex.h"

namespace quire::base {

// std::condition_variable wants a std::unique_lock. Each wait makes one that
// adopts the lock which the caller holds, and releases it before it would
// unlock.

void CondVar::Wait(Mutex& mu) {
  std::unique_lock<std::mutex> lock(mu.mu_, std::adopt_lock);
  cv_.wait(lock);
  lock.release();
}

bool CondVar::WaitFor(Mutex& mu, std::chrono::nanoseconds timeout) {
  return WaitUntil(mu, std::chrono::steady_clock::now() + timeout);
}

bool CondVar::WaitUntil(Mutex& mu,
                        std::chrono::steady_clock::time_point deadline) {
  std::unique_lock<std::mutex> lock(mu.mu_, std::adopt_lock);
  const std::cv_status status = cv_.wait_until(lock, deadline);
  lock.release();
  return status == std::cv_status::no_timeout;
}

}  // namespace quire::base
