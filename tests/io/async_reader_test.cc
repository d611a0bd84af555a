// The promises of io/async_reader.h, held against every provider and engine.

#include "io/async_reader.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <new>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/page_provider.h"
#include "io/posix_file_system.h"
#include "io/pread_page_provider.h"
#include "io/preadv_engine.h"
#include "tests/io/provider_cases.h"
#include "tests/memory/failing_memory.h"
#include "tests/testing/seed.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::io {
namespace {

using ::quire::testing::StatusIs;
using ::quire::testing::TestSeed;
using ::testing::HasSubstr;

constexpr uint64_t kPage = 4096;

std::string Text(const Pin& pin) {
  return {reinterpret_cast<const char*>(pin.bytes().data()),
          pin.bytes().size()};
}

class AsyncReaderTest : public ProviderConformanceTest {
 protected:
  std::unique_ptr<AsyncReader> NewReader(uint32_t depth) {
    return NewAsyncReader(*provider_, depth);
  }

  ReadRequest& Submit(AsyncReader& reader, const Extent& extent,
                      CachePolicy policy = CachePolicy::kPoint) {
    ReadRequest& request = requests_.emplace_back();
    request.extent = extent;
    // What must not be taken for an answer.
    request.status = absl::InternalError("no answer");
    ReadRequest* const pointer = &request;
    reader.Submit({&pointer, 1}, policy);
    return request;
  }

  // Polls until everything has come back; counts it.
  static size_t PollAll(AsyncReader& reader, size_t least) {
    std::array<ReadRequest*, 7> done;
    size_t sum = 0;
    while (const size_t count = reader.Poll(least, done)) sum += count;
    return sum;
  }

  std::deque<ReadRequest> requests_;
};

TEST_P(AsyncReaderTest, GivesEveryRequestItsBytes) {
  const std::string bytes = TestBytes(700'000, 1);
  const AttachedFile& file = AttachNew("file", bytes);
  std::mt19937_64 random(TestSeed());
  for (const uint32_t depth : {1, 3, 64}) {
    const std::unique_ptr<AsyncReader> reader = NewReader(depth);
    for (int round = 0; round < 3; ++round) {
      requests_.clear();
      for (int i = 0; i < 100; ++i) {
        static constexpr std::array<uint64_t, 7> kLengths = {
            0, 1, 100, 257, kPage, 20'000, 100'000};
        const uint64_t length = kLengths[random() % kLengths.size()];
        const uint64_t offset = random() % (bytes.size() - length + 1);
        Submit(*reader, {&file, offset, length},
               static_cast<CachePolicy>(random() % 3));
      }
      EXPECT_EQ(PollAll(*reader, 1 + random() % 7), 100u);
      for (const ReadRequest& request : requests_) {
        ASSERT_OK(request.status);
        ASSERT_TRUE(Text(request.pin) ==
                    bytes.substr(request.extent.offset, request.extent.length));
      }
    }
  }
}

TEST_P(AsyncReaderTest, TheSamePlaceMayBeAskedForAgainWhileItIsRead) {
  const std::string bytes = TestBytes(20 * kPage, 2);
  const AttachedFile& file = AttachNew("file", bytes);
  const std::unique_ptr<AsyncReader> reader = NewReader(8);
  for (int i = 0; i < 20; ++i) {
    // Two that end and begin on a page in common, one inside.
    Submit(*reader, {&file, 3 * kPage + 100, kPage});
    Submit(*reader, {&file, 4 * kPage + 50, kPage});
    Submit(*reader, {&file, 4 * kPage + 60, 300});
  }
  EXPECT_EQ(PollAll(*reader, 1), 60u);
  for (const ReadRequest& request : requests_) {
    ASSERT_OK(request.status);
    EXPECT_TRUE(Text(request.pin) ==
                bytes.substr(request.extent.offset, request.extent.length));
  }
}

TEST_P(AsyncReaderTest, BeyondTheEndIsOutOfRangeForThatRequestAlone) {
  const std::string bytes = TestBytes(kPage + 100, 3);
  const AttachedFile& file = AttachNew("file", bytes);
  const std::unique_ptr<AsyncReader> reader = NewReader(8);
  const ReadRequest& good = Submit(*reader, {&file, kPage, 100});
  const ReadRequest& bad = Submit(*reader, {&file, kPage, 101});
  const ReadRequest& empty = Submit(*reader, {&file, kPage + 100, 0});
  EXPECT_EQ(PollAll(*reader, 7), 3u);
  ASSERT_OK(good.status);
  EXPECT_TRUE(Text(good.pin) == bytes.substr(kPage));
  EXPECT_THAT(bad.status, StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_OK(empty.status);
}

TEST_P(AsyncReaderTest, AFileCutShortIsDataLossAndNeighboursAreRead) {
  const std::string bytes = TestBytes(100 * kPage, 4);
  const AttachedFile& cut = AttachNew("cut", bytes);
  const AttachedFile& whole = AttachNew("whole", bytes);
  std::filesystem::resize_file(cut.path(), 50 * kPage);
  const std::unique_ptr<AsyncReader> reader = NewReader(8);
  const ReadRequest& before = Submit(*reader, {&cut, 10 * kPage, 500});
  const ReadRequest& across = Submit(*reader, {&cut, 50 * kPage - 100, 300});
  const ReadRequest& behind = Submit(*reader, {&cut, 70 * kPage, 500});
  const ReadRequest& other = Submit(*reader, {&whole, 70 * kPage, 500});
  EXPECT_EQ(PollAll(*reader, 1), 4u);
  ASSERT_OK(before.status);
  EXPECT_TRUE(Text(before.pin) == bytes.substr(10 * kPage, 500));
  ASSERT_OK(other.status);
  EXPECT_TRUE(Text(other.pin) == bytes.substr(70 * kPage, 500));
  for (const ReadRequest* request : {&across, &behind}) {
    EXPECT_THAT(request->status,
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr(cut.path())));
    EXPECT_TRUE(request->pin.bytes().empty());
  }
}

TEST_P(AsyncReaderTest, MayGoWithReadsInFlightAndPinsOutliveIt) {
  const std::string bytes = TestBytes(100 * kPage, 6);
  const AttachedFile& file = AttachNew("file", bytes);
  for (int round = 0; round < 20; ++round) {
    requests_.clear();
    std::unique_ptr<AsyncReader> reader = NewReader(16);
    const ReadRequest& first = Submit(*reader, {&file, 3 * kPage, 3000});
    ASSERT_EQ(PollAll(*reader, 1), 1u);
    for (uint64_t i = 0; i < 40; ++i) {
      Submit(*reader, {&file, i * 2 * kPage, i % 2 == 0 ? 300 : kPage + 300});
    }
    std::array<ReadRequest*, 2> done;
    if (round % 2 == 0) reader->Poll(round % 3, done);
    reader.reset();
    ASSERT_OK(first.status);
    EXPECT_TRUE(Text(first.pin) == bytes.substr(3 * kPage, 3000));
  }
  requests_.clear();
  EXPECT_EQ(provider_->Stats().cache_pinned_bytes, 0u);
}

TEST_P(AsyncReaderTest, NobodyWaitsForAReaderThatIsNotPolled) {
  const std::string bytes = TestBytes(50 * kPage, 7);
  const AttachedFile& file = AttachNew("file", bytes);
  const std::unique_ptr<AsyncReader> reader = NewReader(64);
  for (uint64_t i = 0; i < 50; ++i) Submit(*reader, {&file, i * kPage, 300});
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      std::vector<Extent> extents;
      for (uint64_t i = 0; i < 50; ++i)
        extents.push_back({&file, i * kPage, 9});
      for (const auto& read :
           ReadAll(*provider_, extents, CachePolicy::kPoint)) {
        EXPECT_OK(read.status());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(PollAll(*reader, 7), 50u);
  for (const ReadRequest& request : requests_) {
    ASSERT_OK(request.status);
    EXPECT_TRUE(Text(request.pin) == bytes.substr(request.extent.offset, 300));
  }
}

TEST_P(AsyncReaderTest, ReadersOfManyThreadsShareAProvider) {
  const std::string bytes = TestBytes(300 * kPage, 8);
  const AttachedFile& file = AttachNew("file", bytes);
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937_64 random(TestSeed() + t);
      const std::unique_ptr<AsyncReader> reader = NewReader(8);
      std::array<ReadRequest, 24> requests;
      std::vector<ReadRequest*> idle;
      for (ReadRequest& request : requests) idle.push_back(&request);
      std::array<ReadRequest*, 24> done;
      for (int i = 0; i < 60; ++i) {
        for (ReadRequest* request : idle) {
          const uint64_t length = 1 + random() % 6000;
          request->extent = {&file, random() % (bytes.size() - length), length};
        }
        reader->Submit(idle, CachePolicy::kPoint);
        idle.resize(reader->Poll(random() % 8, done));
        std::copy_n(done.begin(), idle.size(), idle.begin());
        for (ReadRequest* request : idle) {
          EXPECT_OK(request->status);
          EXPECT_TRUE(
              Text(request->pin) ==
              bytes.substr(request->extent.offset, request->extent.length));
          request->pin.Reset();
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Over providers whose reads can be made to fail.
class FailingAsyncReaderTest : public AsyncReaderTest {};

TEST_P(FailingAsyncReaderTest, AFailedReadIsAnErrorForItsRequestAlone) {
  const std::string bytes = TestBytes(64 * kPage, 5);
  const AttachedFile& file = AttachNew("file", bytes);
  const std::unique_ptr<AsyncReader> reader = NewReader(8);
  faulty_.Inject({.op = testing::FileOp::kRead,
                  .path_contains = file.path(),
                  .begin = 20 * kPage,
                  .end = 20 * kPage + 1,
                  .sticky = true});
  const ReadRequest& bad = Submit(*reader, {&file, 20 * kPage, 100});
  const ReadRequest& good = Submit(*reader, {&file, 50 * kPage, 100});
  EXPECT_EQ(PollAll(*reader, 2), 2u);
  EXPECT_THAT(bad.status,
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("EIO")));
  EXPECT_GE(faulty_.injected_count(), 1u);
  ASSERT_OK(good.status);
  EXPECT_TRUE(Text(good.pin) == bytes.substr(50 * kPage, 100));
  // Forgotten at once: the next reader asks the device again.
  faulty_.Clear();
  const ReadRequest& again = Submit(*reader, {&file, 20 * kPage, 100});
  EXPECT_EQ(PollAll(*reader, 1), 1u);
  ASSERT_OK(again.status);
  EXPECT_TRUE(Text(again.pin) == bytes.substr(20 * kPage, 100));
}

// The reader of providers that have none of their own.
TEST(BlockingAsyncReaderTest, GivesEachRequestBackOnceWhereMemoryRunsOut) {
  if (!testing::CanFailMemory()) GTEST_SKIP() << "not under a sanitizer";
  const testing::TempDirectory directory;
  const std::string bytes = TestBytes(10 * kPage, 9);
  testing::WriteFile(directory.File("file"), bytes);
  const std::unique_ptr<PageProvider> provider =
      NewPreadPageProvider(PosixFileSystem(), MakePreadvEngine());
  QUIRE_ASSERT_OK_AND_ASSIGN(
      std::unique_ptr<AttachedFile> file,
      provider->Attach(directory.File("file"), bytes.size()));
  bool failed = true;
  for (uint64_t nth = 1; failed; ++nth) {
    const std::unique_ptr<AsyncReader> reader = NewAsyncReader(*provider, 8);
    std::array<ReadRequest, 4> requests;
    for (size_t i = 0; i < requests.size(); ++i) {
      requests[i].extent = {file.get(), i * kPage, 300};
      ReadRequest* const pointer = &requests[i];
      reader->Submit({&pointer, 1},
                     i < 2 ? CachePolicy::kPoint : CachePolicy::kReadOnce);
    }
    std::array<ReadRequest*, 8> done;
    size_t count = 0;
    testing::FailMemory(nth, /*sticky=*/false);
    try {
      count = reader->Poll(1, done);
    } catch (const std::bad_alloc&) {
    }
    testing::RestoreMemory();
    failed = testing::MemoryFailures() > 0;
    while (count < done.size()) {
      const size_t more = reader->Poll(1, std::span(done).subspan(count));
      if (more == 0) break;
      count += more;
    }
    std::sort(done.begin(), done.begin() + static_cast<ptrdiff_t>(count));
    ASSERT_EQ(count, requests.size()) << nth;
    for (size_t i = 0; i < count; ++i) {
      ASSERT_EQ(done[i], &requests[i]) << nth;
      if (requests[i].status.ok()) {
        EXPECT_TRUE(Text(requests[i].pin) == bytes.substr(i * kPage, 300));
      }
    }
  }
  provider->Detach(std::move(file));
}

INSTANTIATE_TEST_SUITE_P(All, AsyncReaderTest,
                         ::testing::ValuesIn(AllProviderCases()),
                         ProviderCaseName);
INSTANTIATE_TEST_SUITE_P(All, FailingAsyncReaderTest,
                         ::testing::ValuesIn(ReadAtProviderCases()),
                         ProviderCaseName);

}  // namespace
}  // namespace quire::io
