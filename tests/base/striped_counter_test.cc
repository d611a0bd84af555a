#include "base/striped_counter.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace quire::base {
namespace {

TEST(StripedCounterTest, StartsAtZeroAndTakesBothSigns) {
  StripedCounter counter;
  EXPECT_EQ(counter.Sum(), 0);
  counter.Add(5);
  counter.Add(-7);
  EXPECT_EQ(counter.Sum(), -2);
}

TEST(StripedCounterTest, LosesNoAdditionWithMoreThreadsThanStripes) {
  constexpr std::size_t kThreads = kStripeCount + 8;
  constexpr std::size_t kAdditionsPerThread = 500;
  StripedCounter counter;
  std::vector<std::jthread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&counter] {
      for (std::size_t i = 0; i < kAdditionsPerThread; ++i) counter.Add(1);
    });
  }
  threads.clear();
  EXPECT_EQ(counter.Sum(),
            static_cast<int64_t>(kThreads * kAdditionsPerThread));
}

TEST(StripedCounterTest, AStripeBelongsToItsThread) {
  const std::size_t own = ThisThreadStripe();
  std::size_t other = own;
  std::jthread([&other] { other = ThisThreadStripe(); }).join();
  EXPECT_LT(own, kStripeCount);
  EXPECT_LT(other, kStripeCount);
  EXPECT_NE(own, other);
  EXPECT_EQ(ThisThreadStripe(), own);
}

TEST(StripedCounterTest, AnEndedThreadsStripeIsUsedAgainAndKeepsItsCount) {
  StripedCounter counter;
  std::size_t first = kStripeCount;
  std::size_t second = kStripeCount;
  std::jthread([&] {
    first = ThisThreadStripe();
    counter.Add(3);
  }).join();
  std::jthread([&] {
    second = ThisThreadStripe();
    counter.Add(4);
  }).join();
  EXPECT_EQ(second, first);
  EXPECT_EQ(counter.Sum(), 7);
}

TEST(StripedCounterTest, CountsWhileAThreadEnds) {
  StripedCounter counter;
  struct CountsWhenDestroyed {
    ~CountsWhenDestroyed() { counter->Add(1); }
    StripedCounter* counter = nullptr;
  };
  std::jthread([&counter] {
    // Made first, so destroyed after the thread has given its stripe back.
    thread_local CountsWhenDestroyed late;
    late.counter = &counter;
    counter.Add(1);
  }).join();
  EXPECT_EQ(counter.Sum(), 2);
}

// The pattern that Add and SumAcquire are for: the last of several
// holds, let go in other threads, allows the held thing to be freed.
// ThreadSanitizer checks the order.
TEST(StripedCounterTest, ThingIsFreedAfterItsLastHold) {
  constexpr int kHolds = 3;
  StripedCounter holds;
  auto thing = std::make_unique<std::array<int, kHolds>>();
  holds.Add(kHolds);
  std::vector<std::jthread> threads;
  for (int t = 0; t < kHolds; ++t) {
    threads.emplace_back([&holds, t, held = thing.get()] {
      (*held)[static_cast<std::size_t>(t)] = t;
      holds.Add(-1);
    });
  }
  while (holds.SumAcquire() != 0) std::this_thread::yield();
  thing.reset();
}

}  // namespace
}  // namespace quire::base
