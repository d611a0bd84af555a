// The cached provider where reads fail or meet: whose error it is, and who
// reads.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/page_provider.h"
#include "tests/io/cached_provider_fixture.h"
#include "tests/memory/failing_memory.h"
#include "tests/testing/status_matchers.h"

namespace quire::io {
namespace {

using ::quire::testing::StatusIs;
using ::testing::ElementsAre;

using CachedProviderSharingTest = CachedPageProviderTest;

// Reads `extents`, each from a thread of its own, while the engine is stopped;
// lets it go once the first has reached it.
std::vector<absl::Status> ReadTogether(PageProvider& provider,
                                       TestEngine& engine,
                                       const std::vector<Extent>& extents) {
  std::vector<absl::Status> statuses(extents.size());
  std::vector<std::thread> threads;
  const auto read = [&](size_t i) {
    ReadRequest request{.extent = extents[i], .status = {}, .pin = {}};
    provider.Read({&request, 1}, CachePolicy::kPoint);
    statuses[i] = request.status;
  };
  engine.Stop();
  threads.emplace_back(read, 0);
  engine.AwaitBatch();
  for (size_t i = 1; i < extents.size(); ++i) threads.emplace_back(read, i);
  engine.Go();
  for (std::thread& thread : threads) thread.join();
  return statuses;
}

TEST_F(CachedProviderSharingTest, OneDeviceReadForAPageHoweverManyAsk) {
  Make(64, 20);
  const std::vector<Extent> extents(8, {file_.get(), 5 * kPage, 300});
  for (const absl::Status& status :
       ReadTogether(*provider_, engine_, extents)) {
    EXPECT_OK(status);
  }
  EXPECT_THAT(engine_.TakeSeen(), ElementsAre(Seen{5 * kPage, kPage}));
}

TEST_F(CachedProviderSharingTest, ABadPlaceFailsOnlyWhatTouchesIt) {
  Make(64, 20, 8 * kPage);
  engine_.FailRange(5 * kPage + 1000, 5 * kPage + 1100);
  std::vector<ReadRequest> requests = Requests({{4 * kPage, 3 * kPage},
                                                {5 * kPage, 1000},
                                                {5 * kPage + 1100, 100},
                                                {5 * kPage + 1050, 10},
                                                {6 * kPage, 500},
                                                {12 * kPage, 10}});
  provider_->Read(requests, CachePolicy::kPoint);
  EXPECT_THAT(requests[0].status, StatusIs(absl::StatusCode::kUnavailable));
  ExpectRight(requests[1]);
  ExpectRight(requests[2]);
  EXPECT_THAT(requests[3].status, StatusIs(absl::StatusCode::kUnavailable));
  ExpectRight(requests[4]);
  ExpectRight(requests[5]);
  EXPECT_EQ(provider_->Stats().read_errors, 2u);
  // The pages around it are in the cache all the same.
  EXPECT_FALSE(Resident(5));
  EXPECT_TRUE(Resident(4));
  EXPECT_TRUE(Resident(6));
  // What failed is tried anew.
  engine_.FailRange(0, 0);
  Read(5 * kPage + 1050, 10);
  EXPECT_TRUE(Resident(5));
}

TEST_F(CachedProviderSharingTest, WaitersShareTheErrorAndLaterReadersTryAgain) {
  Make(64, 20);
  engine_.FailRange(5 * kPage, 5 * kPage + 1);
  const std::vector<Extent> extents(2, {file_.get(), 5 * kPage, 300});
  for (const absl::Status& status :
       ReadTogether(*provider_, engine_, extents)) {
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable, "bad range"));
  }
  engine_.FailRange(0, 0);
  Read(5 * kPage, 300);
}

TEST_F(CachedProviderSharingTest, ForgetWaitsForALoadThatMayHaveTheOldBytes) {
  Make(64, 20);
  engine_.Stop();
  std::thread reader([&] { Read(5 * kPage, 300); });
  engine_.AwaitBatch();
  std::atomic<bool> forgotten{false};
  std::thread forgetter([&] {
    const Extent extent = {file_.get(), 5 * kPage + 10, 1};
    provider_->Forget({&extent, 1});
    forgotten = true;
  });
  // Long enough for a Forget that doesn't wait.
  for (int i = 0; i < 10'000 && !forgotten; ++i) std::this_thread::yield();
  EXPECT_FALSE(forgotten);
  engine_.Go();
  reader.join();
  forgetter.join();
  EXPECT_FALSE(Resident(5));
}

TEST_F(CachedProviderSharingTest, ALoadThatRunsOutOfMemoryKeepsNoFrame) {
  if (!testing::CanFailMemory()) GTEST_SKIP() << "not under a sanitizer";
  Make(8, 100);
  // Page 0 is read; pages 4 and 5 fail together and are to be read one by one.
  engine_.FailRange(5 * kPage, 5 * kPage + 1);
  bool failed = true;
  for (uint64_t nth = 1; failed; ++nth) {
    std::vector<ReadRequest> requests = Requests({{0, 10}, {4 * kPage, 5000}});
    testing::FailMemory(nth, /*sticky=*/false);
    try {
      provider_->Read(requests, CachePolicy::kPoint);
    } catch (const std::bad_alloc&) {
    }
    testing::RestoreMemory();
    failed = testing::MemoryFailures() > 0;
    const std::vector<Extent> extents = {requests[0].extent,
                                         requests[1].extent};
    provider_->Forget(extents);
  }
  for (uint64_t page = 10; page < 50; ++page) Read(page * kPage, 10);
  EXPECT_EQ(ResidentPages().size(), 8u);
}

TEST_F(CachedProviderSharingTest, BatchesThatNeedEachOthersPagesDoNotDeadlock) {
  Make(32, 200);
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t round = 0; round < 50; ++round) {
        // Each thread in an order of its own.
        std::vector<ReadRequest> requests;
        for (uint64_t i = 0; i < 40; ++i) {
          const uint64_t page = (t % 2 == 0 ? i : 39 - i) * 5 % 200;
          requests.push_back(std::move(Requests({{page * kPage, 500}})[0]));
        }
        provider_->Read(requests, CachePolicy::kPoint);
        for (const ReadRequest& request : requests) {
          if (!request.status.ok() ||
              Text(request.pin) !=
                  std::string_view(bytes_).substr(request.extent.offset, 500)) {
            ++wrong;
          }
        }
        if (t == 0) {
          for (uint64_t page = 0; page < 200; page += 3) Resident(page);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace quire::io
