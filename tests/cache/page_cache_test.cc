#include "cache/page_cache.h"

#include <atomic>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "cache/epoch.h"
#include "cache/page_entry.h"
#include "cache/translation.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/memory/failing_memory.h"
#include "tests/testing/status_matchers.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace quire::cache {
namespace {

using ::quire::testing::IsOk;
using ::quire::testing::StatusIs;
using ::testing::HasSubstr;

// A cache and one file of `pages`, each page filled with its number.
class PageCacheTest : public ::testing::Test {
 protected:
  void Make(uint32_t frames, uint64_t pages) {
    QUIRE_ASSERT_OK_AND_ASSIGN(cache_, PageCache::Create(frames));
    QUIRE_ASSERT_OK_AND_ASSIGN(file_, Translation::Create(pages));
  }

  ~PageCacheTest() override {
    if (cache_ != nullptr) cache_->Drop(file_);
  }

  void Fill(const PageLoad& load, uint64_t page) {
    std::memset(cache_->Data(load.frame), static_cast<int>(page), kFrameBytes);
  }

  // Loads a page that must be evicted; returns its frame, which is held.
  FrameIndex LoadAndHold(uint64_t page, LoadFor purpose = LoadFor::kPoint) {
    PageLoad load;
    const ClaimResult result = cache_->Claim(file_.entry(page), purpose, &load);
    EXPECT_EQ(result, ClaimResult::kClaimed) << page;
    if (result != ClaimResult::kClaimed) return kNoFrame;
    Fill(load, page);
    cache_->Publish(load);
    return load.frame;
  }

  void Load(uint64_t page, LoadFor purpose = LoadFor::kPoint) {
    const FrameIndex frame = LoadAndHold(page, purpose);
    if (frame != kNoFrame) cache_->Unhold(frame);
  }

  ClaimResult Claim(uint64_t page, PageLoad* load) {
    return cache_->Claim(file_.entry(page), LoadFor::kPoint, load);
  }

  void Use(uint64_t page) {
    EpochGuard guard;
    EXPECT_NE(cache_->FindAndUse(file_.entry(page)), kNoFrame) << page;
  }

  bool Used(uint64_t page) { return IsUsed(file_.entry(page).load()); }

  bool Resident(uint64_t page) {
    EpochGuard guard;
    return cache_->Find(file_.entry(page)) != kNoFrame;
  }

  bool HasBytesOf(FrameIndex frame, uint64_t page) {
    const std::byte* data = cache_->Data(frame);
    for (uint64_t i = 0; i < kFrameBytes; ++i) {
      if (data[i] != static_cast<std::byte>(page)) return false;
    }
    return true;
  }

  std::unique_ptr<PageCache> cache_;
  Translation file_;
};

TEST_F(PageCacheTest, PagesThatAreLoadedInOrderLieInOrder) {
  Make(1000, 300);
  const FrameIndex first = LoadAndHold(0);
  cache_->Unhold(first);
  for (uint64_t page = 1; page < 300; ++page) {
    const FrameIndex frame = LoadAndHold(page);
    EXPECT_EQ(frame, first + page);
    cache_->Unhold(frame);
  }
}

TEST_F(PageCacheTest, AFreshPageIsEvicted) {
  Make(4, 10);
  EXPECT_FALSE(Resident(0));
  EXPECT_FALSE(Resident(9));
  EXPECT_EQ(cache_->used_frames(), 0u);
}

TEST_F(PageCacheTest, APublishedPageIsFoundWithItsBytes) {
  Make(4, 10);
  Load(7);
  EpochGuard guard;
  const FrameIndex frame = cache_->Find(file_.entry(7));
  ASSERT_NE(frame, kNoFrame);
  EXPECT_TRUE(HasBytesOf(frame, 7));
  EXPECT_EQ(cache_->used_frames(), 1u);
}

TEST_F(PageCacheTest, AResidentPageIsNotClaimed) {
  Make(4, 10);
  Load(7);
  PageLoad load;
  EXPECT_EQ(Claim(7, &load), ClaimResult::kResident);
}

TEST_F(PageCacheTest, AClaimedPageIsLoadingUntilPublished) {
  Make(4, 10);
  PageLoad load;
  ASSERT_EQ(Claim(7, &load), ClaimResult::kClaimed);
  EXPECT_TRUE(cache_->Loading(file_.entry(7)));
  EXPECT_FALSE(Resident(7));
  PageLoad second;
  EXPECT_EQ(Claim(7, &second), ClaimResult::kLoading);
  Fill(load, 7);
  cache_->Publish(load);
  cache_->Unhold(load.frame);
  EXPECT_FALSE(cache_->Loading(file_.entry(7)));
  EXPECT_TRUE(Resident(7));
}

TEST_F(PageCacheTest, AnAbandonedPageMayBeClaimedAgain) {
  Make(1, 10);
  PageLoad load;
  ASSERT_EQ(Claim(7, &load), ClaimResult::kClaimed);
  cache_->Abandon(load, absl::UnavailableError("EIO"));
  EXPECT_FALSE(Resident(7));
  EXPECT_EQ(cache_->used_frames(), 0u);
  Load(7);
  EXPECT_TRUE(Resident(7));
}

TEST_F(PageCacheTest, AUseMarksThePage) {
  Make(4, 10);
  Load(3);
  EXPECT_FALSE(Used(3));
  for (int i = 0; i < 2; ++i) {
    Use(3);
    EXPECT_TRUE(Used(3));
  }
}

TEST_F(PageCacheTest, FindAloneMarksNothing) {
  Make(4, 10);
  Load(3);
  EXPECT_TRUE(Resident(3));
  EXPECT_FALSE(Used(3));
}

TEST_F(PageCacheTest, TheOldestUnusedPageIsEvicted) {
  Make(4, 10);
  for (uint64_t page : {0, 1, 2, 3}) Load(page);
  Use(0);
  Use(2);
  Load(4);
  EXPECT_FALSE(Resident(1));
  for (uint64_t page : {0, 2, 3, 4}) EXPECT_TRUE(Resident(page)) << page;
  EXPECT_EQ(cache_->evictions(), 1u);
}

TEST_F(PageCacheTest, APageThatComesBackSoonStays) {
  Make(4, 100);
  for (uint64_t page : {0, 1, 2, 3, 4}) Load(page);
  ASSERT_FALSE(Resident(0));
  Load(0);  // a ghost: into main
  for (uint64_t page = 10; page < 30; ++page) Load(page);
  EXPECT_TRUE(Resident(0));
}

TEST_F(PageCacheTest, APageThatComesBackLateIsNew) {
  Make(4, 100);
  for (uint64_t page : {0, 1, 2, 3, 4}) Load(page);
  ASSERT_FALSE(Resident(0));
  for (uint64_t page = 10; page < 30; ++page) Load(page);
  Load(0);
  for (uint64_t page = 30; page < 34; ++page) Load(page);
  EXPECT_FALSE(Resident(0));
}

TEST_F(PageCacheTest, WhatAScanReadsGoesFirst) {
  Make(64, 1000);
  for (uint64_t page = 0; page < 62; ++page) Load(page);
  for (uint64_t page = 100; page < 200; ++page) Load(page, LoadFor::kScan);
  // All but those that gave the scan its share and what waits in limbo.
  uint64_t resident = 0;
  for (uint64_t page = 0; page < 62; ++page) resident += Resident(page) ? 1 : 0;
  EXPECT_GE(resident, 54u);
}

TEST_F(PageCacheTest, AForgottenPageIsLoadedAnew) {
  Make(4, 10);
  cache_->Forget(file_.entry(7));  // not there: nothing happens
  Load(7);
  Load(8);
  cache_->Forget(file_.entry(7));
  EXPECT_FALSE(Resident(7));
  EXPECT_TRUE(Resident(8));
  const FrameIndex held = LoadAndHold(7);
  cache_->Forget(file_.entry(7));
  EXPECT_FALSE(Resident(7));
  EXPECT_TRUE(HasBytesOf(held, 7));
  // All frames but the held one can be had again.
  for (uint64_t page = 0; page < 3; ++page) Load(page);
  EXPECT_TRUE(HasBytesOf(held, 7));
  cache_->Unhold(held);
  PageLoad load;
  ASSERT_EQ(cache_->Claim(file_.entry(9), LoadFor::kPoint, &load),
            ClaimResult::kClaimed);
  cache_->Forget(file_.entry(9));  // it is being loaded
  Fill(load, 9);
  cache_->Publish(load);
  cache_->Unhold(load.frame);
  EXPECT_TRUE(Resident(9));
}

TEST_F(PageCacheTest, AScanDoesNotPushOutWhatIsUsed) {
  Make(512, 10000);
  for (uint64_t page = 0; page < 400; ++page) Load(page);
  for (uint64_t page = 1000; page < 1100; ++page) Load(page, LoadFor::kScan);
  // A point reader that comes by all of its pages again and again.
  const auto use_all = [&] {
    uint64_t resident = 0;
    for (uint64_t page = 0; page < 400; ++page) {
      EpochGuard guard;
      if (cache_->FindAndUse(file_.entry(page)) != kNoFrame) ++resident;
    }
    return resident;
  };
  for (uint64_t page = 2000; page < 9000; ++page) {
    Load(page, LoadFor::kScan);
    if (page % 50 == 0) use_all();
  }
  EXPECT_GE(use_all(), 396u);
}

TEST_F(PageCacheTest, AllFramesAreUsedOnceTheCacheHasFilled) {
  Make(4, 10);
  for (uint64_t page = 0; page < 3; ++page) Load(page);
  EXPECT_FALSE(cache_->all_frames_used());
  Load(3);
  EXPECT_TRUE(cache_->all_frames_used());
  cache_->Drop(file_);
  EXPECT_TRUE(cache_->all_frames_used());
}

TEST_F(PageCacheTest, MarksAreClearedByEachFill) {
  Make(1, 2);
  Load(0);
  {
    EpochGuard guard;
    cache_->Marks(cache_->Find(file_.entry(0))).store(9);
    EXPECT_EQ(cache_->Marks(cache_->Find(file_.entry(0))).load(), 9);
  }
  Load(1);
  EpochGuard guard;
  EXPECT_EQ(cache_->Marks(cache_->Find(file_.entry(1))).load(), 0);
}

TEST_F(PageCacheTest, AHeldFrameIsNotEvicted) {
  Make(2, 10);
  const FrameIndex held = LoadAndHold(0);
  for (uint64_t page = 1; page < 10; ++page) Load(page);
  EXPECT_TRUE(Resident(0));
  EXPECT_TRUE(HasBytesOf(held, 0));
  cache_->Unhold(held);
}

TEST_F(PageCacheTest, APinnedFrameOutlivesDrop) {
  Make(4, 10);
  const FrameIndex frame = LoadAndHold(5);
  ASSERT_TRUE(cache_->TryPin(frame));
  cache_->Unhold(frame);
  EXPECT_EQ(cache_->pinned_frames(), 1u);
  cache_->Drop(file_);
  EXPECT_FALSE(Resident(5));
  // The other three frames go round; the pinned one doesn't.
  for (uint64_t page = 0; page < 10; ++page) Load(page);
  EXPECT_TRUE(HasBytesOf(frame, 5));
  cache_->Unpin(frame);
  EXPECT_EQ(cache_->pinned_frames(), 0u);
  // All four again.
  cache_->Drop(file_);
  for (uint64_t page = 0; page < 4; ++page) Load(page);
  for (uint64_t page = 0; page < 4; ++page) EXPECT_TRUE(Resident(page));
}

TEST_F(PageCacheTest, PinsAreLimitedToAQuarterOfTheFrames) {
  Make(8, 10);
  std::vector<FrameIndex> frames;
  for (uint64_t page = 0; page < 3; ++page) {
    frames.push_back(LoadAndHold(page));
  }
  ASSERT_TRUE(cache_->TryPin(frames[0]));
  ASSERT_TRUE(cache_->TryPin(frames[1]));
  EXPECT_FALSE(cache_->TryPin(frames[2]));
  // More pins of a frame that is pinned cost nothing.
  ASSERT_TRUE(cache_->TryPin(frames[0]));
  EXPECT_EQ(cache_->pinned_frames(), 2u);
  cache_->Unpin(frames[0]);
  EXPECT_FALSE(cache_->TryPin(frames[2]));
  cache_->Unpin(frames[0]);
  EXPECT_TRUE(cache_->TryPin(frames[2]));
  cache_->Unpin(frames[1]);
  cache_->Unpin(frames[2]);
  EXPECT_EQ(cache_->pinned_frames(), 0u);
  for (FrameIndex frame : frames) cache_->Unhold(frame);
}

TEST_F(PageCacheTest, AFrameIsNotReusedBeforeGuardsThatMaySeeItAreLeft) {
  Make(1, 10);
  Load(0);
  std::atomic<bool> found{false};
  std::atomic<bool> leave{false};
  bool bytes_stayed = false;
  std::thread reader([&] {
    EpochGuard guard;
    const FrameIndex frame = cache_->Find(file_.entry(0));
    found = true;
    found.notify_one();
    leave.wait(false);
    bytes_stayed = HasBytesOf(frame, 0);
  });
  found.wait(false);
  PageLoad load;
  // The page goes, its frame doesn't come; and nobody waits for it.
  EXPECT_EQ(Claim(1, &load), ClaimResult::kNoFrame);
  EXPECT_FALSE(Resident(0));
  EXPECT_EQ(Claim(1, &load), ClaimResult::kNoFrame);
  leave = true;
  leave.notify_one();
  reader.join();
  EXPECT_TRUE(bytes_stayed);
  Load(1);
  EXPECT_TRUE(Resident(1));
}

TEST_F(PageCacheTest, ThereIsNoFrameWhereAllAreHeld) {
  Make(2, 10);
  const FrameIndex first = LoadAndHold(0);
  const FrameIndex second = LoadAndHold(1);
  PageLoad load;
  EXPECT_EQ(Claim(2, &load), ClaimResult::kNoFrame);
  EXPECT_EQ(file_.entry(2).load(), kEvictedEntry);
  cache_->Unhold(first);
  cache_->Unhold(second);
  Load(2);
}

TEST_F(PageCacheTest, WaitReturnsAtOnceIfNobodyLoads) {
  Make(2, 10);
  EXPECT_THAT(cache_->Wait(file_.entry(0)), IsOk());
  Load(0);
  EXPECT_THAT(cache_->Wait(file_.entry(0)), IsOk());
}

// Threads that wait for page 0; Load it or fail it, then Join.
class Waiters {
 public:
  Waiters(PageCache& cache, PageEntry& entry, int count)
      : statuses_(static_cast<size_t>(count)) {
    for (absl::Status& status : statuses_) {
      threads_.emplace_back([&] { status = cache.Wait(entry); });
    }
    // The first to wait sets the bit; the others are on their way.
    while ((entry.load() & kWaitersBit) == 0) std::this_thread::yield();
  }

  const std::vector<absl::Status>& Join() {
    for (std::thread& thread : threads_) thread.join();
    return statuses_;
  }

 private:
  std::vector<absl::Status> statuses_;
  std::vector<std::thread> threads_;
};

TEST_F(PageCacheTest, WaitersWakeWhenThePageIsPublished) {
  Make(2, 10);
  PageLoad load;
  ASSERT_EQ(Claim(0, &load), ClaimResult::kClaimed);
  Waiters waiters(*cache_, file_.entry(0), 4);
  Fill(load, 0);
  cache_->Publish(load);
  for (const absl::Status& status : waiters.Join()) EXPECT_OK(status);
  EXPECT_TRUE(Resident(0));
  cache_->Unhold(load.frame);
}

TEST_F(PageCacheTest, WaitersShareTheErrorOfTheAttempt) {
  Make(2, 10);
  PageLoad load;
  ASSERT_EQ(Claim(0, &load), ClaimResult::kClaimed);
  // One only, so that all are known to wait.
  Waiters waiters(*cache_, file_.entry(0), 1);
  cache_->Abandon(load, absl::UnavailableError("sector 7"));
  for (const absl::Status& status : waiters.Join()) {
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable, "sector 7"));
  }
  // Who comes later starts afresh.
  EXPECT_THAT(cache_->Wait(file_.entry(0)), IsOk());
  Load(0);
}

TEST_F(PageCacheTest, WithoutMemoryForItsMessageAnErrorStillWakesWhoWaits) {
  if (!testing::CanFailMemory()) GTEST_SKIP() << "not under a sanitizer";
  Make(2, 10);
  const absl::Status error = absl::UnavailableError("sector 7");
  // Once before, so that waiting takes no memory any more.
  for (const bool fail : {false, true}) {
    PageLoad load;
    ASSERT_EQ(Claim(0, &load), ClaimResult::kClaimed);
    Waiters waiters(*cache_, file_.entry(0), 1);
    if (fail) testing::FailMemory(1, /*sticky=*/false);
    cache_->Abandon(load, error);
    testing::RestoreMemory();
    for (const absl::Status& status : waiters.Join()) {
      EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable,
                                   fail ? "" : "sector 7"));
    }
  }
  EXPECT_EQ(testing::MemoryFailures(), 1u);
}

#if defined(__SANITIZE_ADDRESS__)
TEST_F(PageCacheTest, FreeFramesArePoisoned) {
  Make(2, 10);
  const auto poisoned = [&](FrameIndex frame) {
    return __asan_address_is_poisoned(cache_->Data(frame)) != 0;
  };
  EXPECT_TRUE(poisoned(0) && poisoned(1));
  PageLoad load;
  ASSERT_EQ(Claim(0, &load), ClaimResult::kClaimed);
  EXPECT_FALSE(poisoned(load.frame));
  cache_->Abandon(load, absl::UnavailableError("EIO"));
  EXPECT_TRUE(poisoned(load.frame));
  const FrameIndex frame = LoadAndHold(1);
  cache_->Drop(file_);
  EXPECT_FALSE(poisoned(frame));  // held
  cache_->Unhold(frame);
  cache_->Drop(file_);
  Load(2);  // looks after frames that were in use
  Load(3);
  cache_->Drop(file_);
  EXPECT_TRUE(poisoned(0) && poisoned(1));
}
#endif

using PageCacheDeathTest = PageCacheTest;

TEST_F(PageCacheDeathTest, WaitingInsideAGuardIsABug) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  Make(2, 10);
  EpochGuard guard;
  EXPECT_DEATH(cache_->Wait(file_.entry(0)).IgnoreError(), "Active");
}

TEST(PageCacheCreateTest, SaysWhatCouldNotBeHad) {
  EXPECT_THAT(HugeBuffer::Create(uint64_t{1} << 60),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(Translation::Create(uint64_t{1} << 55),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("288230376151711744")));
}

TEST(TranslationTest, LargeArraysAreEvictedThroughout) {
  QUIRE_ASSERT_OK_AND_ASSIGN(const Translation file,
                             Translation::Create(1 << 20));
  EXPECT_EQ(file.page_count(), 1u << 20);
  for (uint64_t page : {0u, 511u, 512u, (1u << 20) - 1}) {
    EXPECT_EQ(file.entry(page).load(), kEvictedEntry);
  }
}

TEST(TranslationTest, MayBeEmpty) {
  QUIRE_ASSERT_OK_AND_ASSIGN(const Translation file, Translation::Create(0));
  EXPECT_EQ(file.page_count(), 0u);
}

}  // namespace
}  // namespace quire::cache
