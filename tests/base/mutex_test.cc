#include "base/mutex.h"

#include <chrono>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "gtest/gtest.h"

namespace quire::base {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

TEST(MutexTest, ExcludesOtherThreads) {
  constexpr int kThreads = 4;
  constexpr int kAdditionsPerThread = 5000;
  struct {
    Mutex mu;
    int value ABSL_GUARDED_BY(mu) = 0;
  } shared;

  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&shared] {
      for (int i = 0; i < kAdditionsPerThread; ++i) {
        MutexLock lock(shared.mu);
        ++shared.value;
      }
    });
  }
  threads.clear();

  MutexLock lock(shared.mu);
  EXPECT_EQ(shared.value, kThreads * kAdditionsPerThread);
}

TEST(MutexTest, TryLockFailsWhileHeldElsewhere) {
  Mutex mu;
  mu.Lock();
  std::jthread([&mu] {
    const bool locked = mu.TryLock();
    EXPECT_FALSE(locked);
    if (locked) mu.Unlock();
  }).join();
  mu.Unlock();

  const bool locked = mu.TryLock();
  EXPECT_TRUE(locked);
  if (locked) mu.Unlock();
}

// A queue of one integer between two threads.
class Slot {
 public:
  void Put(int value) {
    MutexLock lock(mu_);
    while (full_) changed_.Wait(mu_);
    value_ = value;
    full_ = true;
    changed_.NotifyAll();
  }

  int Take() {
    MutexLock lock(mu_);
    while (!full_) changed_.Wait(mu_);
    full_ = false;
    changed_.NotifyAll();
    return value_;
  }

 private:
  Mutex mu_;
  CondVar changed_;
  int value_ ABSL_GUARDED_BY(mu_) = 0;
  bool full_ ABSL_GUARDED_BY(mu_) = false;
};

TEST(CondVarTest, HandsValuesOverInOrder) {
  constexpr int kValues = 2000;
  Slot slot;
  std::jthread producer([&slot] {
    for (int i = 0; i < kValues; ++i) slot.Put(i);
  });
  for (int i = 0; i < kValues; ++i) ASSERT_EQ(slot.Take(), i);
}

TEST(CondVarTest, WaitForEndsWhenTimeIsUp) {
  Mutex mu;
  CondVar never;
  const steady_clock::time_point start = steady_clock::now();
  MutexLock lock(mu);
  // A wait may end early without a cause; the last one must run out of time.
  while (never.WaitFor(mu, milliseconds(20))) {
  }
  EXPECT_GE(steady_clock::now() - start, milliseconds(20));
}

TEST(CondVarTest, WaitUntilIsWokenBeforeItsDeadline) {
  struct {
    Mutex mu;
    CondVar changed;
    bool ready ABSL_GUARDED_BY(mu) = false;
  } shared;
  std::jthread notifier([&shared] {
    MutexLock lock(shared.mu);
    shared.ready = true;
    shared.changed.NotifyOne();
  });

  const steady_clock::time_point deadline =
      steady_clock::now() + std::chrono::minutes(1);
  MutexLock lock(shared.mu);
  bool in_time = true;
  while (!shared.ready && in_time) {
    in_time = shared.changed.WaitUntil(shared.mu, deadline);
  }
  EXPECT_TRUE(shared.ready);
  EXPECT_TRUE(in_time);
}

}  // namespace
}  // namespace quire::base
