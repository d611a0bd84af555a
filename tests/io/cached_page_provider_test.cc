// What is particular to the cached provider: what it keeps, pins and reads.
// What it has in common with other providers is in
// provider_conformance_test.cc.

#include "io/cached_page_provider.h"

#include <atomic>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "cache/epoch.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/file_system.h"
#include "io/page_provider.h"
#include "io/posix_file_system.h"
#include "io/preadv_engine.h"
#include "tests/io/cached_provider_fixture.h"
#include "tests/testing/status_matchers.h"

namespace quire::io {
namespace {

using ::quire::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(CachedPageProviderTest, PeekMissesBeforeAndHitsAfterARead) {
  Make(64, 20, kPage, 100);
  EXPECT_FALSE(Resident(3));
  Read(3 * kPage + 10, 20);
  const cache::EpochGuard guard;
  const PeekResult peek = provider_->Peek(*file_, 3 * kPage + 4000, 200);
  ASSERT_NE(peek.data, nullptr);
  EXPECT_EQ(peek.size, 96u);  // the rest of the page
  EXPECT_FALSE(peek.may_fault);
  EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(peek.data), 96),
            std::string_view(bytes_).substr(3 * kPage + 4000, 96));
}

TEST_F(CachedPageProviderTest, APeekAfterAReadFindsMarksUntilTheNextFill) {
  Make(1, 4);
  Read(0, 1);
  {
    const cache::EpochGuard guard;
    std::atomic<uint8_t>* marks = provider_->Peek(*file_, 0, 1).marks;
    ASSERT_NE(marks, nullptr);
    EXPECT_EQ(marks->load(), 0);
    marks->store(5);
    EXPECT_EQ(provider_->Peek(*file_, 100, 1).marks->load(), 5);
  }
  Read(kPage, 1);
  Read(0, 1);
  const cache::EpochGuard guard;
  EXPECT_EQ(provider_->Peek(*file_, 0, 1).marks->load(), 0);
}

TEST_F(CachedPageProviderTest, SecondReadDoesNotGoToTheDevice) {
  Make(64, 20);
  Read(5 * kPage, 100);
  EXPECT_THAT(engine_.TakeSeen(), ElementsAre(Seen{5 * kPage, kPage}));
  Read(5 * kPage + 500, 1000);
  EXPECT_THAT(engine_.TakeSeen(), ElementsAre());
}

TEST_F(CachedPageProviderTest, AMissReadsTheWholeAlignedPiece) {
  Make(64, 20, 8 * kPage, 100);
  Read(11 * kPage, 100);
  EXPECT_THAT(engine_.TakeSeen(), ElementsAre(Seen{8 * kPage, 8 * kPage}));
  EXPECT_THAT(ResidentPages(), ElementsAre(8, 9, 10, 11, 12, 13, 14, 15));
  // The last piece ends with the file.
  Read(19 * kPage, 100);
  EXPECT_THAT(engine_.TakeSeen(),
              ElementsAre(Seen{16 * kPage, 4 * kPage + 100}));
}

TEST_F(CachedPageProviderTest, OnlyWhatIsMissingOfAPieceIsRead) {
  Make(64, 8, 8 * kPage);
  // Page 3 can't be read with its piece.
  engine_.FailRange(3 * kPage, 3 * kPage + 1);
  Read(0, 1);
  EXPECT_THAT(ResidentPages(), ElementsAre(0, 1, 2, 4, 5, 6, 7));
  engine_.FailRange(0, 0);
  engine_.TakeSeen();
  Read(3 * kPage, 1);
  EXPECT_THAT(engine_.TakeSeen(), ElementsAre(Seen{3 * kPage, kPage}));
}

TEST_F(CachedPageProviderTest, ABatchIsOneBatchOfMergedReads) {
  Make(64, 40);
  std::vector<ReadRequest> requests =
      Requests({{9 * kPage, 10},               // adjacent to the next
                {10 * kPage + 4000, 300},      // two pages
                {3 * kPage, 5},                // alone
                {9 * kPage + 100, 10},         // a page asked for already
                {30 * kPage, 9 * kPage + 1}})  // ten pages
      ;
  provider_->Read(requests, CachePolicy::kPoint);
  for (const ReadRequest& request : requests) ExpectRight(request);
  EXPECT_THAT(engine_.TakeSeen(),
              ElementsAre(Seen{3 * kPage, kPage}, Seen{9 * kPage, 3 * kPage},
                          Seen{30 * kPage, 10 * kPage}));
  EXPECT_EQ(engine_.TakeBatches(), 1);
}

TEST_F(CachedPageProviderTest, LongExtentsBypassTheCache) {
  Make(64, 40);
  const uint64_t longest_cached = 64 << 10;
  Read(kPage, longest_cached);
  EXPECT_EQ(provider_->Stats().cache_used_bytes, longest_cached);
  engine_.TakeSeen();
  Read(20 * kPage + 5, longest_cached + 1);
  EXPECT_EQ(provider_->Stats().cache_used_bytes, longest_cached);
  EXPECT_THAT(engine_.TakeSeen(),
              ElementsAre(Seen{20 * kPage + 5, longest_cached + 1}));
}

TEST_F(CachedPageProviderTest, LongExtentsAreReadInTheSameBatchAsPages) {
  Make(64, 40);
  std::vector<ReadRequest> requests =
      Requests({{0, 80 << 10}, {30 * kPage, 10}, {5, 70 << 10}});
  provider_->Read(requests, CachePolicy::kPoint);
  for (const ReadRequest& request : requests) ExpectRight(request);
  EXPECT_EQ(engine_.TakeBatches(), 1);
}

TEST_F(CachedPageProviderTest, ReadOnceLeavesNothingAndTakesWhatIsThere) {
  Make(64, 20);
  Read(7 * kPage, 1);
  engine_.TakeSeen();
  Read(6 * kPage, 3 * kPage, CachePolicy::kReadOnce);
  EXPECT_THAT(engine_.TakeSeen(),
              ElementsAre(Seen{6 * kPage, kPage}, Seen{8 * kPage, kPage}));
  EXPECT_THAT(ResidentPages(), ElementsAre(7));
}

TEST_F(CachedPageProviderTest, ScansDoNotPushOutWhatPointReadsUse) {
  Make(8, 1000);
  for (uint64_t page = 0; page < 4; ++page) Read(page * kPage, 1);
  for (uint64_t page = 100; page < 200; ++page) {
    Read(page * kPage, 1, CachePolicy::kScan);
    if (page % 3 != 0) continue;
    for (uint64_t used = 0; used < 4; ++used) EXPECT_TRUE(Resident(used));
  }
}

TEST_F(CachedPageProviderTest, OnlyPointReadsCountAsUses) {
  Make(2, 100);
  Read(0, 1, CachePolicy::kScan);
  Read(kPage, 1, CachePolicy::kScan);
  for (int i = 0; i < 5; ++i) {
    Read(0, 1, CachePolicy::kScan);
    Read(0, 1, CachePolicy::kReadOnce);
  }
  Read(kPage, 1, CachePolicy::kPoint);
  // The clock comes by page 0 first, and only page 1 was used.
  Read(50 * kPage, 1);
  EXPECT_FALSE(Resident(0));
  EXPECT_TRUE(Resident(1));
}

TEST_F(CachedPageProviderTest, SmallExtentsAreCopiedAndLargerOnesPinned) {
  Make(64, 20);
  {
    const Pin small = Read(100, 256);
    EXPECT_EQ(provider_->Stats().cache_pinned_bytes, 0u);
    EXPECT_EQ(small.marks(), nullptr);
    const Pin large = Read(100, 257);
    EXPECT_EQ(provider_->Stats().cache_pinned_bytes, kPage);
    EXPECT_NE(large.marks(), nullptr);
    const Pin crossing = Read(4000, 1000);
    EXPECT_EQ(provider_->Stats().cache_pinned_bytes, kPage);
    EXPECT_EQ(crossing.marks(), nullptr);
  }
  EXPECT_EQ(provider_->Stats().cache_pinned_bytes, 0u);
}

TEST_F(CachedPageProviderTest, BeyondAQuarterOfTheCacheValuesAreCopied) {
  Make(16, 20);
  std::vector<Pin> pins;
  for (uint64_t page = 0; page < 10; ++page) {
    pins.push_back(Read(page * kPage, 1000));
  }
  EXPECT_EQ(provider_->Stats().cache_pinned_bytes, 4 * kPage);
  for (uint64_t page = 0; page < 10; ++page) {
    EXPECT_EQ(pins[page].marks() != nullptr, page < 4);
    EXPECT_EQ(Text(pins[page]),
              std::string_view(bytes_).substr(page * kPage, 1000));
  }
}

TEST_F(CachedPageProviderTest, PinsOutliveEvictionAndDetach) {
  Make(8, 100);
  const Pin pin = Read(5 * kPage + 100, 1000);
  ASSERT_NE(pin.marks(), nullptr);
  for (uint64_t page = 10; page < 90; ++page) Read(page * kPage, 10);
  EXPECT_EQ(Text(pin), std::string_view(bytes_).substr(5 * kPage + 100, 1000));
  provider_->Detach(std::move(file_));
  QUIRE_ASSERT_OK_AND_ASSIGN(
      file_, provider_->Attach(directory_.File("file"), bytes_.size()));
  for (uint64_t page = 10; page < 90; ++page) Read(page * kPage, 10);
  EXPECT_EQ(Text(pin), std::string_view(bytes_).substr(5 * kPage + 100, 1000));
}

TEST_F(CachedPageProviderTest, ACacheOfOnePageServesAnything) {
  Make(1, 40, kPage, 77);
  for (uint64_t offset = 0; offset + 9000 < bytes_.size(); offset += 5001) {
    Read(offset, 9000);
    Read(offset, 1000);
  }
  Read(40 * kPage, 77);
  // More pages than there are frames, in one batch.
  std::vector<ReadRequest> requests;
  for (uint64_t page = 0; page < 40; page += 2) {
    requests.push_back(std::move(Requests({{page * kPage, 300}})[0]));
  }
  provider_->Read(requests, CachePolicy::kPoint);
  for (const ReadRequest& request : requests) ExpectRight(request);
  EXPECT_LE(provider_->Stats().cache_used_bytes, kPage);
}

TEST_F(CachedPageProviderTest, StatsSayWhatHappened) {
  Make(64, 20);
  Read(0, 10);
  Read(kPage, 10);
  Read(0, 10);
  for (int i = 0; i < 640; ++i) Resident(0);
  const ProviderStats stats = provider_->Stats();
  EXPECT_EQ(stats.read_extents, 3u);
  EXPECT_EQ(stats.device_reads, 2u);
  EXPECT_EQ(stats.device_bytes, 2 * kPage);
  EXPECT_EQ(stats.read_errors, 0u);
  EXPECT_EQ(stats.evictions, 0u);
  EXPECT_EQ(stats.cache_capacity_bytes, 64 * kPage);
  EXPECT_EQ(stats.cache_used_bytes, 2 * kPage);
  EXPECT_EQ(stats.peek_hits, 640u);
}

TEST(CachedProviderOptionsTest, CapacityIsRoundedUp) {
  const auto capacity = [](uint64_t cache_bytes) {
    auto provider =
        NewCachedPageProvider({.cache_bytes = cache_bytes, .piece_bytes = 4096},
                              PosixFileSystem(), MakePreadvEngine());
    return (*provider)->Stats().cache_capacity_bytes;
  };
  EXPECT_EQ(capacity(4096), 4096u);
  EXPECT_EQ(capacity(4097), 8192u);
  EXPECT_EQ(capacity(2 << 20), uint64_t{2} << 20);
  EXPECT_EQ(capacity((2 << 20) + 1), uint64_t{4} << 20);
}

TEST(CachedProviderOptionsTest, OptionsOutOfRangeAreRefused) {
  const auto make = [](CachedProviderOptions options) {
    return NewCachedPageProvider(options, PosixFileSystem(), MakePreadvEngine())
        .status();
  };
  for (uint32_t piece : {0u, 2048u, 5000u, 2u << 20}) {
    EXPECT_THAT(make({.piece_bytes = piece}),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_THAT(make({.cache_bytes = 32 << 10, .piece_bytes = 64 << 10}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("must hold 65536")));
  EXPECT_THAT(make({.open_mode = OpenMode::kDirect, .cache_bytes = 100}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(make({.cache_bytes = UINT64_MAX}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(make({.cache_bytes = uint64_t{1} << 43}),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace quire::io
