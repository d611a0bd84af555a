#include "kv/internal/rate_limiter.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace quire::kv_internal {
namespace {

using Clock = std::chrono::steady_clock;

TEST(RateLimiterTest, ZeroIsNoLimit) {
  RateLimiter limiter(0);
  const std::atomic<bool> cancelled{false};
  // At any finite rate this would never return.
  limiter.Pass(UINT64_MAX, cancelled);
}

TEST(RateLimiterTest, AllThreadsShareTheRate) {
  constexpr uint64_t kRate = 1 << 20;
  constexpr uint64_t kBytes = kRate / 10;
  RateLimiter limiter(kRate);
  const std::atomic<bool> cancelled{false};
  const auto start = Clock::now();
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] { limiter.Pass(kBytes, cancelled); });
  }
  for (std::thread& thread : threads) thread.join();
  // Only the lower bound holds on a busy machine.
  EXPECT_GE(Clock::now() - start, std::chrono::milliseconds(290));
}

TEST(RateLimiterTest, ACancelledCallerReturns) {
  RateLimiter limiter(1);
  std::atomic<bool> cancelled{false};
  std::thread thread([&] { limiter.Pass(uint64_t{1} << 30, cancelled); });
  cancelled.store(true);
  thread.join();
}

}  // namespace
}  // namespace quire::kv_internal
