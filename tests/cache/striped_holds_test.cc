#include "cache/striped_holds.h"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "cache/epoch.h"
#include "gtest/gtest.h"

namespace quire::cache {
namespace {

TEST(StripedHoldsTest, IsIdleWithoutHolds) {
  StripedHolds holds;
  EXPECT_TRUE(holds.Idle());
}

TEST(StripedHoldsTest, CountsHolds) {
  StripedHolds holds;
  holds.Acquire();
  holds.Acquire();
  EXPECT_FALSE(holds.Idle());
  holds.Release();
  EXPECT_FALSE(holds.Idle());
  holds.Release();
  EXPECT_TRUE(holds.Idle());
}

TEST(StripedHoldsTest, AHoldMayBeReleasedByAnotherThread) {
  StripedHolds holds;
  holds.Acquire();
  std::thread([&] { holds.Release(); }).join();
  EXPECT_TRUE(holds.Idle());
}

// Objects are replaced and freed all the time while readers hold them beyond
// their guards and hand the holds to each other.
TEST(StripedHoldsStressTest, NoObjectIsFreedUnderAHold) {
  constexpr uint64_t kAlive = 0x600d600d600d600d;
  struct Object {
    uint64_t word = kAlive;
    StripedHolds holds;
  };
  std::atomic<Object*> published{new Object};
  std::atomic<Object*> handed_over{nullptr};
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> bad{0};
  std::vector<std::thread> readers;
  for (int t = 0; t < 3; ++t) {
    readers.emplace_back([&] {
      while (!stop.load(std::memory_order_relaxed)) {
        Object* held;
        {
          EpochGuard guard;
          held = published.load(std::memory_order_acquire);
          held->holds.Acquire();
        }
        if (held->word != kAlive) bad.fetch_add(1);
        held = handed_over.exchange(held, std::memory_order_acq_rel);
        if (held == nullptr) continue;
        if (held->word != kAlive) bad.fetch_add(1);
        held->holds.Release();
      }
    });
  }
  std::atomic<int> freed{0};
  constexpr int kRounds = 2000;
  for (int i = 0; i < kRounds; ++i) {
    Object* old = published.exchange(new Object, std::memory_order_acq_rel);
    RetireAfterEpoch([old, &freed] {
      if (!old->holds.Idle()) return false;
      old->word = 0;
      delete old;
      freed.fetch_add(1);
      return true;
    });
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  if (Object* last = handed_over.load()) last->holds.Release();
  SynchronizeEpoch();
  EXPECT_EQ(ReclaimRetired(), 0u);
  EXPECT_EQ(bad, 0u);
  EXPECT_EQ(freed, kRounds);
  delete published.load();
}

}  // namespace
}  // namespace quire::cache
