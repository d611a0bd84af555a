// Many threads on a cache that is always too small.

#include <atomic>
#include <cstdint>
#include <cstring>
#include <deque>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "cache/epoch.h"
#include "cache/page_cache.h"
#include "cache/page_entry.h"
#include "cache/translation.h"
#include "gtest/gtest.h"
#include "tests/testing/seed.h"
#include "tests/testing/status_matchers.h"

namespace quire::cache {
namespace {

constexpr uint64_t kPages = 200;
constexpr uint64_t kWords = kFrameBytes / sizeof(uint64_t);

// What threads share.
struct Shared {
  std::unique_ptr<PageCache> cache;
  Translation file;
  // Attempts begun for each page.
  std::vector<std::atomic<uint64_t>> attempts =
      std::vector<std::atomic<uint64_t>>(kPages);
  // Loads of each page that are under way: never more than one.
  std::vector<std::atomic<int>> loading = std::vector<std::atomic<int>>(kPages);
  std::atomic<uint64_t> bad_bytes{0};
  std::atomic<uint64_t> double_loads{0};
  std::atomic<uint64_t> stale_errors{0};
  std::atomic<uint64_t> hits{0};
  std::atomic<uint64_t> loads{0};
  std::atomic<uint64_t> shared_errors{0};
  std::atomic<uint64_t> no_frame{0};
};

class Worker {
 public:
  Worker(Shared& shared, uint64_t seed) : shared_(shared), random_(seed) {}

  void Run(int steps) {
    for (int i = 0; i < steps; ++i) {
      // Few pages are hot, so that threads meet.
      const uint64_t page =
          random_() % 4 == 0 ? random_() % kPages : random_() % 20;
      Read(page);
      if (pins_.size() > 4) Unpin();
    }
    while (!pins_.empty()) Unpin();
  }

 private:
  struct Pinned {
    FrameIndex frame;
    uint64_t page;
  };

  void Check(FrameIndex frame, uint64_t page) {
    const std::byte* data = shared_.cache->Data(frame);
    for (uint64_t i = 0; i < kWords; i += 7) {
      uint64_t word;
      std::memcpy(&word, data + i * sizeof(word), sizeof(word));
      if (word != page * kWords + i) shared_.bad_bytes.fetch_add(1);
    }
  }

  void Read(uint64_t page) {
    PageEntry& entry = shared_.file.entry(page);
    while (true) {
      {
        const EpochGuard guard;
        const FrameIndex frame = shared_.cache->FindAndUse(entry);
        if (frame != kNoFrame) {
          shared_.hits.fetch_add(1, std::memory_order_relaxed);
          Check(frame, page);
          if (random_() % 8 == 0) Pin(frame, page);
          return;
        }
      }
      PageLoad load;
      switch (shared_.cache->Claim(
          entry, random_() % 2 == 0 ? LoadFor::kPoint : LoadFor::kScan,
          &load)) {
        case ClaimResult::kResident:
          continue;
        case ClaimResult::kNoFrame:
          shared_.no_frame.fetch_add(1, std::memory_order_relaxed);
          return;
        case ClaimResult::kClaimed:
          return Load(load, page);
        case ClaimResult::kLoading:
          if (!Wait(entry, page)) return;
      }
    }
  }

  void Load(const PageLoad& load, uint64_t page) {
    const uint64_t attempt = shared_.attempts[page].fetch_add(1) + 1;
    if (shared_.loading[page].fetch_add(1) != 0) {
      shared_.double_loads.fetch_add(1);
    }
    std::byte* data = shared_.cache->Data(load.frame);
    for (uint64_t i = 0; i < kWords; ++i) {
      const uint64_t word = page * kWords + i;
      std::memcpy(data + i * sizeof(word), &word, sizeof(word));
    }
    if (random_() % 4 == 0) std::this_thread::yield();
    shared_.loads.fetch_add(1, std::memory_order_relaxed);
    shared_.loading[page].fetch_sub(1);
    if (random_() % 6 == 0) {
      shared_.cache->Abandon(load,
                             absl::UnavailableError(absl::StrCat(attempt)));
    } else {
      shared_.cache->Publish(load);
      Check(load.frame, page);
      shared_.cache->Unhold(load.frame);
    }
  }

  // False if the attempt failed.
  bool Wait(PageEntry& entry, uint64_t page) {
    const uint64_t attempts_before = shared_.attempts[page].load();
    const absl::Status status = shared_.cache->Wait(entry);
    if (status.ok()) return true;
    shared_.shared_errors.fetch_add(1, std::memory_order_relaxed);
    // The attempt had not failed when we came; it may have been claimed but not
    // counted yet.
    uint64_t attempt = 0;
    if (!absl::SimpleAtoi(status.message(), &attempt) ||
        attempt < attempts_before) {
      shared_.stale_errors.fetch_add(1);
    }
    return false;
  }

  // In a guard in which the frame was found.
  void Pin(FrameIndex frame, uint64_t page) {
    shared_.cache->Hold(frame);
    if (shared_.cache->TryPin(frame)) pins_.push_back({frame, page});
    shared_.cache->Unhold(frame);
  }

  void Unpin() {
    Check(pins_.front().frame, pins_.front().page);
    shared_.cache->Unpin(pins_.front().frame);
    pins_.pop_front();
  }

  Shared& shared_;
  std::mt19937_64 random_;
  std::deque<Pinned> pins_;
};

class PageCacheStressTest : public ::testing::TestWithParam<uint32_t> {};

TEST_P(PageCacheStressTest, EveryByteIsRightAndEveryPageLoadedOnce) {
  const uint64_t seed = quire::testing::TestSeed();
  SCOPED_TRACE(::testing::Message() << "QUIRE_TEST_SEED=" << seed);
  Shared shared;
  QUIRE_ASSERT_OK_AND_ASSIGN(shared.cache, PageCache::Create(GetParam()));
  QUIRE_ASSERT_OK_AND_ASSIGN(shared.file, Translation::Create(kPages));
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] { Worker(shared, seed + t).Run(20000); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(shared.bad_bytes, 0u);
  EXPECT_EQ(shared.double_loads, 0u);
  EXPECT_EQ(shared.stale_errors, 0u);
  EXPECT_EQ(shared.cache->pinned_frames(), 0u);
  EXPECT_GT(shared.cache->evictions(), 1000u);
  shared.cache->Drop(shared.file);
  EXPECT_EQ(shared.cache->used_frames(), 0u);
  std::cout << "frames " << GetParam() << ": hits " << shared.hits << ", loads "
            << shared.loads << ", shared errors " << shared.shared_errors
            << ", without a frame " << shared.no_frame << ", evictions "
            << shared.cache->evictions() << std::endl;
}

INSTANTIATE_TEST_SUITE_P(Frames, PageCacheStressTest,
                         ::testing::Values(1, 2, 8, 64),
                         ::testing::PrintToStringParamName());

}  // namespace
}  // namespace quire::cache
