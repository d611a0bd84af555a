#include "cache/epoch.h"

#include <pthread.h>

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <new>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/memory/failing_memory.h"

namespace quire::cache {
namespace {

// A thread that holds a guard until told to leave it.
class GuardedThread {
 public:
  GuardedThread()
      : thread_([this] {
          EpochGuard guard;
          inside_.store(true);
          inside_.notify_one();
          leave_.wait(false);
        }) {
    inside_.wait(false);
  }
  ~GuardedThread() { Leave(); }

  void Leave() {
    leave_.store(true);
    leave_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

 private:
  std::atomic<bool> inside_{false};
  std::atomic<bool> leave_{false};
  std::thread thread_;
};

TEST(EpochGuardTest, IsActiveBetweenConstructionAndDestruction) {
  EXPECT_FALSE(EpochGuard::Active());
  {
    EpochGuard guard;
    EXPECT_TRUE(EpochGuard::Active());
  }
  EXPECT_FALSE(EpochGuard::Active());
}

TEST(EpochGuardTest, BelongsToItsThread) {
  EpochGuard guard;
  bool active_elsewhere = true;
  std::thread([&] { active_elsewhere = EpochGuard::Active(); }).join();
  EXPECT_FALSE(active_elsewhere);
}

TEST(EpochGuardTest, AThreadThatGetsNoSlotIsNotInside) {
  if (!testing::CanFailMemory()) GTEST_SKIP() << "not under a sanitizer";
  // Slots come in chunks; a thread that finds all taken needs memory.
  std::vector<std::unique_ptr<GuardedThread>> readers;
  bool thrown = false;
  bool inside = true;
  for (int i = 0; i < 1000 && !thrown; ++i) {
    readers.push_back(std::make_unique<GuardedThread>());
    std::thread([&] {
      testing::FailMemory(1, /*sticky=*/true);
      try {
        const EpochGuard guard;
      } catch (const std::bad_alloc&) {
        thrown = true;
      }
      testing::RestoreMemory();
      inside = EpochGuard::Active();
      const EpochGuard guard;
    }).join();
  }
  EXPECT_TRUE(thrown);
  EXPECT_FALSE(inside);
}

TEST(EpochTest, PassesAtOnceWithoutGuards) {
  const uint64_t tag = AdvanceEpoch();
  EXPECT_TRUE(EpochHasPassed(tag));
}

TEST(EpochTest, DoesNotPassAGuardEnteredBefore) {
  uint64_t tag;
  {
    EpochGuard guard;
    tag = AdvanceEpoch();
    EXPECT_FALSE(EpochHasPassed(tag));
  }
  EXPECT_TRUE(EpochHasPassed(tag));
}

TEST(EpochTest, PassesAGuardEnteredLater) {
  const uint64_t tag = AdvanceEpoch();
  EpochGuard guard;
  EXPECT_TRUE(EpochHasPassed(tag));
}

TEST(EpochTest, WaitsForTheOutermostOfNestedGuards) {
  uint64_t tag;
  {
    EpochGuard outer;
    {
      EpochGuard inner;
      tag = AdvanceEpoch();
    }
    EXPECT_TRUE(EpochGuard::Active());
    EXPECT_FALSE(EpochHasPassed(tag));
  }
  EXPECT_TRUE(EpochHasPassed(tag));
}

TEST(EpochTest, WaitsForGuardsOfOtherThreads) {
  GuardedThread reader;
  const uint64_t tag = AdvanceEpoch();
  EXPECT_FALSE(EpochHasPassed(tag));
  const uint64_t later_tag = AdvanceEpoch();
  EXPECT_FALSE(EpochHasPassed(later_tag));
  reader.Leave();
  EXPECT_TRUE(EpochHasPassed(tag));
  EXPECT_TRUE(EpochHasPassed(later_tag));
}

TEST(EpochTest, SeesGuardsOfMoreThreadsThanOneChunkHasSlots) {
  std::vector<std::unique_ptr<GuardedThread>> readers;
  for (int i = 0; i < 50; ++i) {
    readers.push_back(std::make_unique<GuardedThread>());
  }
  const uint64_t tag = AdvanceEpoch();
  while (!readers.empty()) {
    EXPECT_FALSE(EpochHasPassed(tag)) << readers.size();
    readers.pop_back();
  }
  EXPECT_TRUE(EpochHasPassed(tag));
}

TEST(EpochTest, SlotsOfEndedThreadsAreUsedAgain) {
  // Would run out of memory, or at least take minutes, if slots leaked and each
  // scan had to look at 100,000 of them.
  internal::EpochSlot* slot = nullptr;
  std::thread([&] {
    EpochGuard guard;
    slot = internal::this_thread_epoch_slot;
  }).join();
  for (int i = 0; i < 100; ++i) {
    internal::EpochSlot* again = nullptr;
    std::thread([&] {
      EpochGuard guard;
      again = internal::this_thread_epoch_slot;
    }).join();
    ASSERT_EQ(again, slot);
  }
}

// Uses a guard when a thread's keys are destroyed, after its slot may have been
// given back.
void UseGuardAtThreadExit(void* ran) {
  EpochGuard guard;
  *static_cast<bool*>(ran) = internal::this_thread_epoch_slot != nullptr;
}

TEST(EpochTest, GuardsWorkWhileAThreadEnds) {
  pthread_key_t key;
  ASSERT_EQ(pthread_key_create(&key, &UseGuardAtThreadExit), 0);
  bool ran = false;
  std::thread([&] {
    { EpochGuard guard; }
    ASSERT_EQ(pthread_setspecific(key, &ran), 0);
  }).join();
  pthread_key_delete(key);
  EXPECT_TRUE(ran);
  EXPECT_TRUE(EpochHasPassed(AdvanceEpoch()));
}

TEST(RetireTest, ReclaimsAtOnceWithoutGuards) {
  bool reclaimed = false;
  RetireAfterEpoch([&] { return reclaimed = true; });
  EXPECT_TRUE(reclaimed);
  EXPECT_EQ(ReclaimRetired(), 0u);
}

TEST(RetireTest, WaitsForAGuardOfTheSameThread) {
  bool reclaimed = false;
  {
    EpochGuard guard;
    RetireAfterEpoch([&] { return reclaimed = true; });
    EXPECT_FALSE(reclaimed);
  }
  EXPECT_FALSE(reclaimed);
  EXPECT_EQ(ReclaimRetired(), 0u);
  EXPECT_TRUE(reclaimed);
}

TEST(RetireTest, WaitsForAGuardOfAnotherThread) {
  GuardedThread reader;
  bool reclaimed = false;
  RetireAfterEpoch([&] { return reclaimed = true; });
  EXPECT_EQ(ReclaimRetired(), 1u);
  EXPECT_FALSE(reclaimed);
  reader.Leave();
  EXPECT_EQ(ReclaimRetired(), 0u);
  EXPECT_TRUE(reclaimed);
}

TEST(RetireTest, AsksAgainForWhatIsStillHeld) {
  bool held = true;
  int asked = 0;
  RetireAfterEpoch([&] {
    ++asked;
    return !held;
  });
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(ReclaimRetired(), 1u);
  EXPECT_EQ(asked, 2);
  held = false;
  EXPECT_EQ(ReclaimRetired(), 0u);
  EXPECT_EQ(asked, 3);
  EXPECT_EQ(ReclaimRetired(), 0u);
  EXPECT_EQ(asked, 3);
}

TEST(RetireTest, AReclaimMayRetireAnotherObject) {
  bool second = false;
  size_t waiting_inside = 0;
  RetireAfterEpoch([&] {
    RetireAfterEpoch([&] { return second = true; });
    waiting_inside = ReclaimRetired();
    return true;
  });
  EXPECT_EQ(waiting_inside, 2u);
  EXPECT_EQ(ReclaimRetired(), 0u);
  EXPECT_TRUE(second);
}

TEST(SynchronizeTest, ReclaimsAfterTheLastGuard) {
  GuardedThread reader;
  std::atomic<bool> reclaimed{false};
  RetireAfterEpoch([&] {
    reclaimed = true;
    return true;
  });
  std::thread synchronizer([&] {
    SynchronizeEpoch();
    EXPECT_TRUE(reclaimed);
  });
  EXPECT_FALSE(reclaimed);
  reader.Leave();
  synchronizer.join();
  EXPECT_TRUE(reclaimed);
}

TEST(SynchronizeTest, WaitsForAReclaimOnAnotherThread) {
  std::atomic<bool> inside{false};
  std::atomic<bool> finish{false};
  std::atomic<bool> finished{false};
  std::thread reclaimer([&] {
    RetireAfterEpoch([&] {
      inside.store(true);
      inside.notify_one();
      finish.wait(false);
      finished = true;
      return true;
    });
  });
  inside.wait(false);
  EXPECT_EQ(ReclaimRetired(), 1u);
  std::thread synchronizer([&] {
    SynchronizeEpoch();
    EXPECT_TRUE(finished);
  });
  finish.store(true);
  finish.notify_one();
  synchronizer.join();
  reclaimer.join();
}

TEST(EpochStressTest, NoReaderSeesAFreedObject) {
  // Freed objects are overwritten; under ThreadSanitizer, reading one is also a
  // data race.
  constexpr uint64_t kAlive = 0x600d600d600d600d;
  struct Object {
    uint64_t words[4] = {kAlive, kAlive, kAlive, kAlive};
  };
  std::array<std::atomic<Object*>, 4> published;
  for (auto& pointer : published) pointer = new Object;
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> bad{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = t; !stop.load(std::memory_order_relaxed); ++i) {
        EpochGuard guard;
        const Object* object =
            published[i % published.size()].load(std::memory_order_acquire);
        for (uint64_t word : object->words) {
          if (word != kAlive) bad.fetch_add(1);
        }
      }
    });
  }
  std::atomic<int> freed{0};
  std::vector<std::thread> writers;
  constexpr int kRounds = 3000;
  for (int t = 0; t < 2; ++t) {
    writers.emplace_back([&, t] {
      for (int i = t; i < kRounds; i += 2) {
        Object* old = published[i % published.size()].exchange(
            new Object, std::memory_order_acq_rel);
        RetireAfterEpoch([old, &freed] {
          for (uint64_t& word : old->words) word = 0;
          delete old;
          freed.fetch_add(1);
          return true;
        });
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  stop = true;
  for (std::thread& thread : threads) thread.join();
  SynchronizeEpoch();
  EXPECT_EQ(bad, 0u);
  EXPECT_EQ(freed, kRounds);
  for (auto& pointer : published) delete pointer.load();
}

}  // namespace
}  // namespace quire::cache
