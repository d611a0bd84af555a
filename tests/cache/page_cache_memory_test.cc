// The page cache when memory runs out: no frame is lost, none is given twice.

#include <cstdint>
#include <memory>
#include <new>
#include <set>
#include <vector>

#include "absl/status/status.h"
#include "cache/page_cache.h"
#include "cache/page_entry.h"
#include "cache/translation.h"
#include "gtest/gtest.h"
#include "tests/memory/failing_memory.h"
#include "tests/testing/status_matchers.h"

namespace quire::cache {
namespace {

// Enough for magazines of several frames.
constexpr uint32_t kFrames = 1024;

TEST(PageCacheMemoryTest, EachFrameIsGivenOnceWhateverRequestFails) {
  if (!testing::CanFailMemory()) GTEST_SKIP() << "not under a sanitizer";
  bool failed = true;
  for (uint64_t nth = 1; failed; ++nth) {
    QUIRE_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<PageCache> cache,
                               PageCache::Create(kFrames));
    QUIRE_ASSERT_OK_AND_ASSIGN(const Translation file,
                               Translation::Create(2 * kFrames));
    std::vector<PageLoad> loads;
    loads.reserve(kFrames);
    const auto claim_all = [&] {
      for (uint64_t page = loads.size(); page < 2 * kFrames; ++page) {
        PageLoad load;
        if (cache->Claim(file.entry(page), LoadFor::kPoint, &load) !=
            ClaimResult::kClaimed) {
          break;
        }
        loads.push_back(load);
      }
    };
    testing::FailMemory(nth, /*sticky=*/false);
    try {
      claim_all();
    } catch (const std::bad_alloc&) {
    }
    testing::RestoreMemory();
    failed = testing::MemoryFailures() > 0;
    claim_all();
    std::set<FrameIndex> frames;
    for (const PageLoad& load : loads) frames.insert(load.frame);
    EXPECT_EQ(frames.size(), loads.size()) << "given twice, request " << nth;
    EXPECT_EQ(frames.size(), kFrames) << "lost, request " << nth;
    for (const PageLoad& load : loads) {
      cache->Abandon(load, absl::UnavailableError("not read"));
    }
  }
}

}  // namespace
}  // namespace quire::cache
