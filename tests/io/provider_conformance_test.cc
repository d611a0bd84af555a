// The promises of io/page_provider.h, held against every provider and engine:
// bytes, ends of files, batches, pins, policies, counters. Faults and threads
// are in provider_fault_test.cc and provider_concurrency_test.cc.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/page_cache_control.h"
#include "io/page_provider.h"
#include "tests/io/provider_cases.h"
#include "tests/testing/seed.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::io {
namespace {

using ::quire::testing::IsOkAndHolds;
using ::quire::testing::StatusIs;
using ::quire::testing::TestSeed;
using ::quire::testing::WriteFile;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::array kPolicies = {CachePolicy::kPoint, CachePolicy::kScan,
                                  CachePolicy::kReadOnce};
constexpr uint64_t kPage = 4096;
constexpr uint64_t kPiece = 64 << 10;

TEST_P(ProviderConformanceTest, ReadsTheBytesAtEveryBoundary) {
  const std::string bytes = TestBytes(3 * kPiece + 1234, 1);
  const AttachedFile& file = AttachNew("file", bytes);
  EXPECT_EQ(file.size_bytes(), bytes.size());
  EXPECT_EQ(file.path(), directory_.File("file"));
  const std::vector<uint64_t> offsets = {0,           1,
                                         511,         512,
                                         kPage - 1,   kPage,
                                         kPage + 1,   kPiece - 1,
                                         kPiece,      kPiece + 1,
                                         2 * kPage,   3 * kPiece,
                                         100'000,     bytes.size() - 1,
                                         bytes.size()};
  const std::vector<uint64_t> lengths = {
      0,         1,         100,        256,    257,        kPage - 1, kPage,
      kPage + 1, 2 * kPage, kPiece - 1, kPiece, kPiece + 1, 150'000};
  for (const CachePolicy policy : kPolicies) {
    for (const uint64_t offset : offsets) {
      for (const uint64_t length : lengths) {
        if (offset + length > bytes.size()) continue;
        QUIRE_ASSERT_OK_AND_ASSIGN(const std::string read,
                                   Read(file, offset, length, policy));
        ASSERT_TRUE(read == bytes.substr(offset, length))
            << "offset " << offset << ", length " << length;
      }
    }
  }
}

TEST_P(ProviderConformanceTest, ReadPastTheEndIsOutOfRangeAlsoInPart) {
  const std::string bytes = TestBytes(kPage + 100, 2);
  const AttachedFile& file = AttachNew("file", bytes);
  const uint64_t size = bytes.size();
  const std::vector<std::pair<uint64_t, uint64_t>> beyond = {
      {size, 1},          {size - 1, 2},
      {0, size + 1},      {size + 1, 0},
      {size + 1, 1},      {kPage, 101},
      {2 * kPage, kPage}, {UINT64_MAX, 1},
      {1, UINT64_MAX},    {UINT64_MAX, UINT64_MAX},
      {UINT64_MAX, 0},    {0, UINT64_MAX}};
  for (const CachePolicy policy : kPolicies) {
    for (const auto& [offset, length] : beyond) {
      EXPECT_THAT(
          Read(file, offset, length, policy),
          StatusIs(absl::StatusCode::kOutOfRange,
                   AllOf(HasSubstr(file.path()),
                         HasSubstr(absl::StrCat("offset ", offset, ", length ",
                                                length)))));
    }
    EXPECT_THAT(Read(file, 0, size, policy), IsOkAndHolds(bytes));
    EXPECT_THAT(Read(file, size - 1, 1, policy),
                IsOkAndHolds(bytes.substr(size - 1)));
  }
}

TEST_P(ProviderConformanceTest, EmptyExtentWithinTheFileIsOk) {
  const AttachedFile& file = AttachNew("file", TestBytes(kPage, 3));
  const AttachedFile& empty = AttachNew("empty", "");
  EXPECT_EQ(empty.size_bytes(), 0u);
  for (const CachePolicy policy : kPolicies) {
    for (const uint64_t offset : {uint64_t{0}, uint64_t{17}, kPage}) {
      EXPECT_THAT(Read(file, offset, 0, policy), IsOkAndHolds(""));
    }
    EXPECT_THAT(Read(empty, 0, 0, policy), IsOkAndHolds(""));
    EXPECT_THAT(
        Read(empty, 0, 1, policy),
        StatusIs(absl::StatusCode::kOutOfRange, HasSubstr(empty.path())));
  }
  provider_->Read({}, CachePolicy::kPoint);  // no extent at all
}

TEST_P(ProviderConformanceTest, ReadsAnExtentLargerThanTheCache) {
  const std::string bytes = TestBytes((12 << 20) + 777, 4);
  const AttachedFile& file = AttachNew("file", bytes);
  for (const CachePolicy policy : kPolicies) {
    QUIRE_ASSERT_OK_AND_ASSIGN(const std::string read,
                               Read(file, 0, bytes.size(), policy));
    ASSERT_TRUE(read == bytes);
    QUIRE_ASSERT_OK_AND_ASSIGN(const std::string part,
                               Read(file, 333, 9 << 20, policy));
    ASSERT_TRUE(part == bytes.substr(333, 9 << 20));
  }
}

TEST_P(ProviderConformanceTest, BatchKeepsOrderAndGivesEachItsOwnStatus) {
  const std::string bytes = TestBytes(5 * kPiece, 5);
  const std::string other_bytes = TestBytes(kPiece + 5, 6);
  const AttachedFile& file = AttachNew("file", bytes);
  const AttachedFile& other = AttachNew("other", other_bytes);
  const AttachedFile& empty = AttachNew("empty", "");
  // In no order: duplicates, overlaps, neighbours, gaps of every kind, extents
  // within extents, ends, empty ones and such past the end.
  const std::vector<Extent> extents = {{&file, 20'000, 100},
                                       {&other, 0, 10},
                                       {&file, 20'000, 100},
                                       {&file, 20'050, 5000},
                                       {&file, 5 * kPiece, 1},
                                       {&file, 20'100, 1},
                                       {&file, 0, 2 * kPiece},
                                       {&other, kPiece, 5},
                                       {&other, kPiece, 6},
                                       {&file, 25'050, 10},
                                       {&empty, 0, 0},
                                       {&file, kPage, kPage},
                                       {&file, 2 * kPage, kPage},
                                       {&file, 4 * kPage + 1, kPage},
                                       {&file, 10 * kPage, 1},
                                       {&empty, 0, 1},
                                       {&file, 3 * kPiece - 1, 2},
                                       {&file, 5 * kPiece - 1, 1},
                                       {&other, 10, 0},
                                       {&file, 0, 1}};
  for (const CachePolicy policy : kPolicies) {
    const auto results = ReadAll(*provider_, extents, policy);
    for (size_t i = 0; i < extents.size(); ++i) {
      const Extent& extent = extents[i];
      SCOPED_TRACE(absl::StrCat("extent ", i));
      if (extent.offset + extent.length > extent.file->size_bytes()) {
        EXPECT_THAT(results[i], StatusIs(absl::StatusCode::kOutOfRange));
        continue;
      }
      const std::string& expected = extent.file == &file    ? bytes
                                    : extent.file == &other ? other_bytes
                                                            : "";
      ASSERT_OK(results[i].status());
      ASSERT_TRUE(*results[i] == expected.substr(extent.offset, extent.length));
    }
  }
}

TEST_P(ProviderConformanceTest, LargeBatchOfSmallExtentsIsRead) {
  const std::string bytes = TestBytes(2 << 20, 7);
  const AttachedFile& file = AttachNew("file", bytes);
  std::mt19937_64 random(7);
  std::vector<Extent> extents;
  for (int i = 0; i < 1500; ++i) {
    const uint64_t length = random() % 300;
    extents.push_back({&file, random() % (bytes.size() - length), length});
  }
  for (const CachePolicy policy : kPolicies) {
    const auto results = ReadAll(*provider_, extents, policy);
    for (size_t i = 0; i < extents.size(); ++i) {
      ASSERT_OK(results[i].status());
      ASSERT_TRUE(*results[i] ==
                  bytes.substr(extents[i].offset, extents[i].length));
    }
  }
}

TEST_P(ProviderConformanceTest, AttachRefusesWhatIsNotTheSealedFile) {
  WriteFile(directory_.File("file"), TestBytes(1000, 8));
  EXPECT_THAT(provider_->Attach(directory_.File("none"), 10),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr(directory_.File("none"))));
  EXPECT_THAT(provider_->Attach(directory_.File("file"), 1001),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr(directory_.File("file"))));
  EXPECT_THAT(provider_->Attach(directory_.path(), 10),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr(directory_.path())));
}

TEST_P(ProviderConformanceTest, OfALongerFileOnlyTheSealedPartIsThere) {
  const std::string bytes = TestBytes(2 * kPage, 9);
  WriteFile(directory_.File("file"), bytes);
  const AttachedFile& file = Attach(directory_.File("file"), kPage + 10);
  EXPECT_THAT(Read(file, 0, kPage + 10),
              IsOkAndHolds(bytes.substr(0, kPage + 10)));
  EXPECT_THAT(Read(file, kPage, 11), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(Read(file, kPage, 10), IsOkAndHolds(bytes.substr(kPage, 10)));
}

TEST_P(ProviderConformanceTest, FileAttachedTwiceCanBeReadThroughBoth) {
  const std::string bytes = TestBytes(kPage, 10);
  const AttachedFile& first = AttachNew("file", bytes);
  const AttachedFile& second = Attach(first.path(), bytes.size());
  EXPECT_THAT(Read(first, 10, 20), IsOkAndHolds(bytes.substr(10, 20)));
  Detach(first);
  EXPECT_THAT(Read(second, 10, 20), IsOkAndHolds(bytes.substr(10, 20)));
}

TEST_P(ProviderConformanceTest, FileWithoutANameStaysReadable) {
  const std::string bytes = TestBytes(10 * kPage, 11);
  const AttachedFile& file = AttachNew("file", bytes);
  ASSERT_TRUE(std::filesystem::remove(file.path()));
  for (const CachePolicy policy : kPolicies) {
    EXPECT_THAT(Read(file, 5000, 7000, policy),
                IsOkAndHolds(bytes.substr(5000, 7000)));
  }
}

TEST_P(ProviderConformanceTest, PeekGivesTheRightBytesOrMisses) {
  const std::string bytes = TestBytes(2 * kPiece + 77, 12);
  const AttachedFile& file = AttachNew("file", bytes);
  uint64_t hits = 0;
  for (const CachePolicy policy : kPolicies) {
    for (uint64_t offset = 0; offset < bytes.size(); offset += 1009) {
      const uint64_t length =
          std::min<uint64_t>(bytes.size() - offset, 1 + offset % (3 * kPage));
      for (int round = 0; round < 2; ++round) {
        const std::string peeked = Peek(file, offset, length);
        ASSERT_TRUE(peeked == bytes.substr(offset, peeked.size()))
            << "offset " << offset << ", length " << length;
        if (!peeked.empty()) ++hits;
        // The second round may find what this brings in.
        ASSERT_OK(Read(file, offset, length, policy).status());
      }
    }
  }
  RecordProperty("peek_hits", static_cast<int>(hits));
}

TEST_P(ProviderConformanceTest, PinsOutliveOtherReadsDetachAndTheFile) {
  const std::string bytes = TestBytes(6 << 20, 13);
  std::vector<ReadRequest> requests;
  {
    const AttachedFile& file = AttachNew("file", bytes);
    for (const uint64_t length :
         {1u, 200u, 300u, 4000u, 4096u, 5000u, 70'000u}) {
      for (const uint64_t offset : {0u, 4096u, 8200u, 65'000u}) {
        requests.push_back({.extent = {&file, offset, length},
                            .status = absl::OkStatus(),
                            .pin = {}});
      }
    }
    provider_->Read(requests, CachePolicy::kPoint);
    // Several times what the caches hold.
    for (int round = 0; round < 3; ++round) {
      for (uint64_t offset = 0; offset < bytes.size(); offset += kPiece) {
        ASSERT_OK(Read(file, offset, std::min(kPiece, bytes.size() - offset))
                      .status());
      }
    }
    Detach(file);
    ASSERT_TRUE(std::filesystem::remove(directory_.File("file")));
  }
  // Another file in the place of the old one, in memory too.
  AttachNew("file", TestBytes(6 << 20, 14));
  for (ReadRequest& request : requests) {
    ASSERT_OK(request.status);
    const std::span<const std::byte> pinned = request.pin.bytes();
    ASSERT_EQ(pinned.size(), request.extent.length);
    EXPECT_TRUE(std::equal(pinned.begin(), pinned.end(),
                           reinterpret_cast<const std::byte*>(bytes.data()) +
                               request.extent.offset));
    request.pin.Reset();
  }
  EXPECT_EQ(provider_->Stats().cache_pinned_bytes, 0u);
}

TEST_P(ProviderConformanceTest, RequestsCanBeUsedAgain) {
  const std::string bytes = TestBytes(3 * kPage, 15);
  const AttachedFile& file = AttachNew("file", bytes);
  std::vector<ReadRequest> requests(2);
  requests[0].extent = {&file, 0, 3000};
  requests[1].extent = {&file, 3 * kPage, 1};
  provider_->Read(requests, CachePolicy::kPoint);
  EXPECT_THAT(requests[1].status, StatusIs(absl::StatusCode::kOutOfRange));
  std::swap(requests[0].extent, requests[1].extent);
  provider_->Read(requests, CachePolicy::kPoint);
  EXPECT_THAT(requests[0].status, StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_TRUE(requests[0].pin.bytes().empty());
  ASSERT_OK(requests[1].status);
  EXPECT_EQ(requests[1].pin.bytes().size(), 3000u);
}

TEST_P(ProviderConformanceTest, HintsChangeNoBytesAndTakeAnyExtent) {
  const std::string bytes = TestBytes(3 * kPiece, 16);
  const AttachedFile& file = AttachNew("file", bytes);
  const AttachedFile& empty = AttachNew("empty", "");
  const std::vector<Extent> extents = {{&file, 0, 10},
                                       {&file, 5000, kPiece},
                                       {&file, 3 * kPiece - 1, 1},
                                       {&file, 3 * kPiece, 0},
                                       {&file, 3 * kPiece, 1},
                                       {&file, UINT64_MAX, UINT64_MAX},
                                       {&empty, 0, 0},
                                       {&empty, 0, 1}};
  for (const CachePolicy policy : kPolicies) {
    provider_->Hint(extents, policy);
    provider_->Hint({}, policy);
    EXPECT_THAT(Read(file, 5000, kPiece, policy),
                IsOkAndHolds(bytes.substr(5000, kPiece)));
  }
}

TEST_P(ProviderConformanceTest, ReadOnceLeavesTheProvidersCacheAsItWas) {
  const AttachedFile& hot = AttachNew("hot", TestBytes(2 * kPage, 17));
  const AttachedFile& cold = AttachNew("cold", TestBytes(4 << 20, 18));
  ASSERT_OK(Read(hot, 0, 2 * kPage).status());
  const ProviderStats before = provider_->Stats();
  for (uint64_t offset = 0; offset < cold.size_bytes(); offset += 3000) {
    ASSERT_OK(Read(cold, offset, 300, CachePolicy::kReadOnce).status());
  }
  ASSERT_OK(Read(cold, 0, cold.size_bytes(), CachePolicy::kReadOnce).status());
  const ProviderStats after = provider_->Stats();
  EXPECT_EQ(after.cache_used_bytes, before.cache_used_bytes);
  EXPECT_EQ(after.evictions, before.evictions);
}

// Files without a descriptor are read by ReadAt, which has no policy.
class DescriptorConformanceTest : public ProviderConformanceTest {};

TEST_P(DescriptorConformanceTest, ReadOnceLeavesTheKernelsPageCacheAsItWas) {
  const std::string bytes = TestBytes(4 << 20, 19);
  const AttachedFile& file = AttachNew("file", bytes);
  // The kernel may leave a page or two, or a large folio, in use just then; not
  // each time.
  uint64_t least = bytes.size();
  for (int time = 0; time < 5 && least > bytes.size() / 16; ++time) {
    ASSERT_OK(DropFromPageCache(file.path()));
    QUIRE_ASSERT_OK_AND_ASSIGN(uint64_t resident,
                               PageCacheResidentBytes(file.path()));
    if (resident != 0 && time > 0) continue;
    if (resident != 0) GTEST_SKIP() << "the page cache can't be emptied here";
    EXPECT_THAT(Read(file, 0, bytes.size(), CachePolicy::kReadOnce),
                IsOkAndHolds(bytes));
    QUIRE_ASSERT_OK_AND_ASSIGN(resident, PageCacheResidentBytes(file.path()));
    least = std::min(least, resident);
  }
  if (least == bytes.size()) {
    GTEST_SKIP() << "the kernel has no RWF_DONTCACHE for this file system";
  }
  EXPECT_LE(least, bytes.size() / 16);
}

TEST_P(ProviderConformanceTest, CountersMove) {
  const std::string bytes = TestBytes(kPiece, 20);
  const AttachedFile& file = AttachNew("file", bytes);
  const ProviderStats before = provider_->Stats();
  ReadAll(*provider_, {{&file, 0, 10}, {&file, 9000, 10}, {&file, kPiece, 1}},
          CachePolicy::kReadOnce);
  ASSERT_OK(Read(file, 0, kPage).status());
  const ProviderStats after = provider_->Stats();
  EXPECT_EQ(after.read_extents - before.read_extents, 4u);
  EXPECT_EQ(after.read_errors - before.read_errors, 1u);
  EXPECT_GT(after.device_reads, before.device_reads);
  EXPECT_GE(after.device_bytes - before.device_bytes, 20u);
  EXPECT_LE(after.cache_used_bytes, after.cache_capacity_bytes);
}

// The same operations as on a vector of bytes, at random.
TEST_P(ProviderConformanceTest, RandomOperationsAgreeWithAModel) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(absl::StrCat("QUIRE_TEST_SEED=", seed));
  std::mt19937_64 random(seed);
  std::vector<std::pair<const AttachedFile*, std::string>> files;
  for (int step = 0; step < 400; ++step) {
    if (files.size() < 2 || (files.size() < 6 && random() % 20 == 0)) {
      const std::string bytes = TestBytes(random() % (4 * kPiece), random());
      const AttachedFile& file = AttachNew(absl::StrCat("f", step), bytes);
      files.emplace_back(&file, bytes);
    }
    if (random() % 40 == 0) {
      const auto gone =
          files.begin() + static_cast<ptrdiff_t>(random() % files.size());
      Detach(*gone->first);
      files.erase(gone);
      continue;
    }
    std::vector<Extent> extents;
    std::vector<const std::string*> models;
    for (size_t i = 0, count = 1 + random() % 12; i < count; ++i) {
      const auto& [file, bytes] = files[random() % files.size()];
      const uint64_t offset = random() % (bytes.size() + 2);
      const uint64_t length_max =
          random() % 8 == 0 ? bytes.size() + 2 : uint64_t{600};
      extents.push_back({file, offset, random() % length_max});
      models.push_back(&bytes);
    }
    const CachePolicy policy = kPolicies[random() % kPolicies.size()];
    if (random() % 4 == 0) provider_->Hint(extents, policy);
    const auto results = ReadAll(*provider_, extents, policy);
    for (size_t i = 0; i < extents.size(); ++i) {
      const Extent& extent = extents[i];
      SCOPED_TRACE(absl::StrCat("step ", step, ", offset ", extent.offset,
                                ", length ", extent.length, " of ",
                                models[i]->size()));
      if (extent.offset + extent.length > models[i]->size()) {
        ASSERT_THAT(results[i], StatusIs(absl::StatusCode::kOutOfRange));
        continue;
      }
      ASSERT_OK(results[i].status());
      ASSERT_TRUE(*results[i] ==
                  models[i]->substr(extent.offset, extent.length));
      if (extent.length == 0) continue;
      const std::string peeked =
          Peek(*extent.file, extent.offset, extent.length);
      ASSERT_TRUE(peeked == models[i]->substr(extent.offset, peeked.size()));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(AllProviders, ProviderConformanceTest,
                         ::testing::ValuesIn(AllProviderCases()),
                         ProviderCaseName);
INSTANTIATE_TEST_SUITE_P(AllProviders, DescriptorConformanceTest,
                         ::testing::ValuesIn(DescriptorProviderCases()),
                         ProviderCaseName);

}  // namespace
}  // namespace quire::io
