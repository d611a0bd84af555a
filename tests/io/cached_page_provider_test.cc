// What is particular to the cached provider: what it keeps, pins and reads.
// What it has in common with other providers is in
// provider_conformance_test.cc.

#include "io/cached_page_provider.h"

#include <sys/uio.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/mutex.h"
#include "cache/epoch.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/file_system.h"
#include "io/page_provider.h"
#include "io/posix_file_system.h"
#include "io/preadv_engine.h"
#include "io/read_engine.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::io {
namespace {

using ::quire::testing::StatusIs;
using ::quire::testing::TempDirectory;
using ::quire::testing::WriteFile;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint64_t kPage = 4096;

// What an engine was asked for.
struct Seen {
  uint64_t offset;
  uint64_t length;
  bool operator==(const Seen&) const = default;
};

// An engine that notes what it is asked for, fails reads of bad ranges, and can
// be stopped. Shared with the provider that owns its face.
class TestEngine {
 public:
  // Reads that touch [begin, end) fail.
  void FailRange(uint64_t begin, uint64_t end) {
    base::MutexLock lock(mu_);
    bad_begin_ = begin;
    bad_end_ = end;
  }

  // Batches stop before they read, until Go.
  void Stop() {
    base::MutexLock lock(mu_);
    stopped_ = true;
  }
  void Go() {
    base::MutexLock lock(mu_);
    stopped_ = false;
    changed_.NotifyAll();
  }
  // Waits until a batch has stopped.
  void AwaitBatch() {
    base::MutexLock lock(mu_);
    while (stopped_batches_ == 0) changed_.Wait(mu_);
  }

  // The requests since the last call, and how many batches they came in.
  std::vector<Seen> TakeSeen() {
    base::MutexLock lock(mu_);
    return std::exchange(seen_, {});
  }
  int TakeBatches() {
    base::MutexLock lock(mu_);
    return std::exchange(batches_, 0);
  }

  std::unique_ptr<ReadEngine> Face() { return std::make_unique<Front>(*this); }

 private:
  class Front final : public ReadEngine {
   public:
    explicit Front(TestEngine& engine) : engine_(engine) {}
    void ReadBatch(std::span<IoRequest> requests) override {
      engine_.ReadBatch(requests);
    }
    std::string Description() const override { return "test"; }

   private:
    TestEngine& engine_;
  };

  void ReadBatch(std::span<IoRequest> requests) {
    {
      base::MutexLock lock(mu_);
      ++batches_;
      for (const IoRequest& request : requests) {
        uint64_t length = 0;
        for (const iovec& piece : request.pieces) length += piece.iov_len;
        seen_.push_back({request.offset, length});
      }
      ++stopped_batches_;
      changed_.NotifyAll();
      while (stopped_) changed_.Wait(mu_);
      --stopped_batches_;
    }
    real_->ReadBatch(requests);
    base::MutexLock lock(mu_);
    for (IoRequest& request : requests) {
      if (request.wanted_offset < bad_end_ &&
          request.wanted_offset + request.wanted_length > bad_begin_) {
        request.status = absl::UnavailableError("bad range");
      }
    }
  }

  const std::unique_ptr<ReadEngine> real_ = MakePreadvEngine();
  base::Mutex mu_;
  base::CondVar changed_;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  int stopped_batches_ ABSL_GUARDED_BY(mu_) = 0;
  int batches_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t bad_begin_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t bad_end_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<Seen> seen_ ABSL_GUARDED_BY(mu_);
};

class CachedPageProviderTest : public ::testing::Test {
 protected:
  ~CachedPageProviderTest() override {
    if (file_ != nullptr) provider_->Detach(std::move(file_));
  }

  // A provider of `frames` pages over a file of `pages` pages and `tail` bytes.
  void Make(uint64_t frames, uint64_t pages, uint32_t piece_bytes = kPage,
            uint64_t tail = 0) {
    bytes_.resize(pages * kPage + tail);
    for (size_t i = 0; i < bytes_.size(); ++i) {
      bytes_[i] = static_cast<char>(i ^ (i >> 8) ^ (i >> 16) * 31);
    }
    WriteFile(directory_.File("file"), bytes_);
    QUIRE_ASSERT_OK_AND_ASSIGN(
        provider_, NewCachedPageProvider({.open_mode = OpenMode::kBuffered,
                                          .cache_bytes = frames * kPage,
                                          .piece_bytes = piece_bytes},
                                         PosixFileSystem(), engine_.Face()));
    QUIRE_ASSERT_OK_AND_ASSIGN(
        file_, provider_->Attach(directory_.File("file"), bytes_.size()));
  }

  std::vector<ReadRequest> Requests(
      const std::vector<std::pair<uint64_t, uint64_t>>& extents) {
    std::vector<ReadRequest> requests(extents.size());
    for (size_t i = 0; i < extents.size(); ++i) {
      requests[i].extent = {file_.get(), extents[i].first, extents[i].second};
    }
    return requests;
  }

  // Reads one extent, which must be right; returns its pin.
  Pin Read(uint64_t offset, uint64_t length,
           CachePolicy policy = CachePolicy::kPoint) {
    std::vector<ReadRequest> requests = Requests({{offset, length}});
    provider_->Read(requests, policy);
    ExpectRight(requests[0]);
    return std::move(requests[0].pin);
  }

  void ExpectRight(const ReadRequest& request) {
    ASSERT_OK(request.status);
    const std::string_view expected = std::string_view(bytes_).substr(
        request.extent.offset, request.extent.length);
    EXPECT_TRUE(Text(request.pin) == expected)
        << "at " << request.extent.offset << ", " << request.extent.length;
  }

  static std::string_view Text(const Pin& pin) {
    return {reinterpret_cast<const char*>(pin.bytes().data()),
            pin.bytes().size()};
  }

  bool Resident(uint64_t page) {
    const cache::EpochGuard guard;
    return provider_->Peek(*file_, page * kPage, 1).data != nullptr;
  }

  // Pages that a Peek finds; counts as a use of each.
  std::vector<uint64_t> ResidentPages() {
    std::vector<uint64_t> pages;
    for (uint64_t page = 0; page * kPage < bytes_.size(); ++page) {
      if (Resident(page)) pages.push_back(page);
    }
    return pages;
  }

  TempDirectory directory_;
  TestEngine engine_;
  std::string bytes_;
  std::unique_ptr<PageProvider> provider_;
  std::unique_ptr<AttachedFile> file_;
};

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

TEST_F(CachedPageProviderTest, OneDeviceReadForAPageHoweverManyAsk) {
  Make(64, 20);
  const std::vector<Extent> extents(8, {file_.get(), 5 * kPage, 300});
  for (const absl::Status& status :
       ReadTogether(*provider_, engine_, extents)) {
    EXPECT_OK(status);
  }
  EXPECT_THAT(engine_.TakeSeen(), ElementsAre(Seen{5 * kPage, kPage}));
}

TEST_F(CachedPageProviderTest, ABadPlaceFailsOnlyWhatTouchesIt) {
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

TEST_F(CachedPageProviderTest, WaitersShareTheErrorAndLaterReadersTryAgain) {
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

TEST_F(CachedPageProviderTest, BatchesThatNeedEachOthersPagesDoNotDeadlock) {
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
