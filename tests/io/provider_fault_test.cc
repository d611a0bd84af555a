// What providers do when devices fail, files are cut short under them and
// resources run out: each failure is a Status that names file and place, other
// bytes stay readable, and the process lives.

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/page_provider.h"
#include "tests/io/provider_cases.h"
#include "tests/testing/failing_disk.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::io {
namespace {

using ::quire::testing::FailingDisk;
using ::quire::testing::FileOp;
using ::quire::testing::IsOkAndHolds;
using ::quire::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::array kPolicies = {CachePolicy::kPoint, CachePolicy::kScan,
                                  CachePolicy::kReadOnce};
constexpr uint64_t kPage = 4096;
constexpr uint64_t kPiece = 64 << 10;

// Faults from the file system's interface.
class MediaErrorTest : public ProviderConformanceTest {};

TEST_P(MediaErrorTest, BadSectorFailsOnlyTheExtentsThatTouchIt) {
  const std::string bytes = TestBytes(4 * kPiece, 1);
  const AttachedFile& file = AttachNew("file", bytes);
  const AttachedFile& other = AttachNew("other", bytes);
  // In the middle of a piece.
  const uint64_t bad = kPiece + 5 * kPage;
  faulty_.Inject({.op = FileOp::kRead,
                  .path_contains = "file",
                  .begin = bad,
                  .end = bad + 512,
                  .sticky = true});
  const std::vector<Extent> extents = {
      {&file, bad - kPage, kPage},  // touching, within the same piece
      {&file, bad, 100},
      {&file, bad + kPage, 100},
      {&file, bad - 2 * kPage, 3 * kPage},
      {&other, bad, 100},
      {&file, 0, kPage},
      {&file, bad - 1, 2},
      {&file, 2 * kPiece, kPiece},
      {&file, 0, 4 * kPiece}};
  const std::vector<bool> fails = {false, true, false, true, false,
                                   false, true, false, true};
  for (const CachePolicy policy : kPolicies) {
    for (int round = 0; round < 2; ++round) {
      const auto results = ReadAll(*provider_, extents, policy);
      for (size_t i = 0; i < extents.size(); ++i) {
        SCOPED_TRACE(absl::StrCat("extent ", i, ", round ", round));
        if (fails[i]) {
          EXPECT_THAT(
              results[i],
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr(file.path()), HasSubstr("offset "),
                             HasSubstr("length "), HasSubstr("EIO"))));
        } else {
          EXPECT_THAT(results[i], IsOkAndHolds(bytes.substr(
                                      extents[i].offset, extents[i].length)));
        }
      }
    }
  }
  EXPECT_GT(faulty_.injected_count(), 0u);
  EXPECT_EQ(provider_->Stats().read_errors, 3u * 2u * 4u);
  // A failure leaves nothing behind.
  faulty_.Clear();
  for (const CachePolicy policy : kPolicies) {
    EXPECT_THAT(Read(file, bad, 100, policy),
                IsOkAndHolds(bytes.substr(bad, 100)));
  }
}

TEST_P(MediaErrorTest, WhatItsCacheHoldsStaysReadable) {
  if (provider_->Stats().cache_capacity_bytes == 0) {
    GTEST_SKIP() << provider_->Name() << " has no cache of its own";
  }
  const std::string bytes = TestBytes(2 * kPiece, 4);
  const AttachedFile& file = AttachNew("file", bytes);
  EXPECT_THAT(Read(file, kPage, kPage, CachePolicy::kPoint),
              IsOkAndHolds(bytes.substr(kPage, kPage)));
  faulty_.Inject({.op = FileOp::kRead, .sticky = true});
  EXPECT_THAT(Read(file, kPage + 10, 100, CachePolicy::kPoint),
              IsOkAndHolds(bytes.substr(kPage + 10, 100)));
  EXPECT_THAT(Read(file, kPiece + kPage, 10, CachePolicy::kPoint),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("EIO")));
}

TEST_P(MediaErrorTest, SingleErrorIsReportedOrOvercomeNeverRemembered) {
  const std::string bytes = TestBytes(8 << 20, 2);
  const AttachedFile& file = AttachNew("file", bytes);
  std::mt19937_64 random(2);
  for (int round = 0; round < 60; ++round) {
    const CachePolicy policy = kPolicies[round % 3];
    const uint64_t injected_before = faulty_.injected_count();
    faulty_.Inject({.op = FileOp::kRead, .nth = 1 + random() % 2});
    std::vector<Extent> extents;
    for (size_t i = 0; i < 1 + random() % 4; ++i) {
      extents.push_back(
          {&file, random() % (bytes.size() - 9000), random() % 9000});
    }
    const auto results = ReadAll(*provider_, extents, policy);
    faulty_.Clear();
    for (size_t i = 0; i < extents.size(); ++i) {
      const std::string expected =
          bytes.substr(extents[i].offset, extents[i].length);
      if (results[i].ok()) {
        EXPECT_TRUE(*results[i] == expected);
      } else {
        EXPECT_THAT(results[i], StatusIs(absl::StatusCode::kUnavailable,
                                         HasSubstr(file.path())));
        EXPECT_GT(faulty_.injected_count(), injected_before);
      }
      EXPECT_THAT(Read(file, extents[i].offset, extents[i].length, policy),
                  IsOkAndHolds(expected));
    }
  }
  EXPECT_GT(faulty_.injected_count(), 10u);
}

TEST_P(MediaErrorTest, ReadThatEndsTooEarlyIsDataLoss) {
  const std::string bytes = TestBytes(2 * kPiece, 3);
  const AttachedFile& file = AttachNew("file", bytes);
  faulty_.Inject({.op = FileOp::kRead,
                  .begin = kPage,
                  .end = 2 * kPage,
                  .sticky = true,
                  .error = 0});
  for (const CachePolicy policy : kPolicies) {
    EXPECT_THAT(Read(file, kPage + 10, 100, policy),
                StatusIs(absl::StatusCode::kDataLoss,
                         AllOf(HasSubstr(file.path()), HasSubstr("offset "))));
    EXPECT_THAT(Read(file, 2 * kPage, 100, policy),
                IsOkAndHolds(bytes.substr(2 * kPage, 100)));
  }
}

TEST_P(MediaErrorTest, AttachReportsAFailedOpenAndCanBeTriedAgain) {
  const std::string path = directory_.File("file");
  const std::string bytes = TestBytes(kPage, 4);
  testing::WriteFile(path, bytes);
  faulty_.Inject({.op = FileOp::kOpen, .path_contains = "file"});
  EXPECT_THAT(provider_->Attach(path, kPage),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr(path), HasSubstr("EIO"))));
  EXPECT_THAT(Read(Attach(path, kPage), 0, kPage), IsOkAndHolds(bytes));
}

// Faults from the kernel.
class KernelFaultTest : public ProviderConformanceTest {};

TEST_P(KernelFaultTest, FileCutShortIsDataLossNamingFileAndPlace) {
  const std::string bytes = TestBytes(40 * kPage, 5);
  const AttachedFile& file = AttachNew("file", bytes);
  const AttachedFile& other = AttachNew("other", bytes);
  // Within a page: what follows the end there can be read as zeros by mapping.
  const uint64_t end = 20 * kPage + 100;
  ASSERT_EQ(truncate(file.path().c_str(), static_cast<off_t>(end)), 0);
  for (const CachePolicy policy : kPolicies) {
    for (const auto& [offset, length] :
         std::vector<std::pair<uint64_t, uint64_t>>{{30 * kPage, 10},
                                                    {end, 1},
                                                    {end - 1, 2},
                                                    {end + 10, 50},
                                                    {20 * kPage, 200},
                                                    {0, 40 * kPage},
                                                    {40 * kPage - 1, 1}}) {
      EXPECT_THAT(Read(file, offset, length, policy),
                  StatusIs(absl::StatusCode::kDataLoss,
                           AllOf(HasSubstr("cut short"), HasSubstr(file.path()),
                                 HasSubstr(absl::StrCat("offset ", offset)))));
    }
    // What is left can be read, in the same page too; so can other files.
    EXPECT_THAT(Read(file, 20 * kPage, 100, policy),
                IsOkAndHolds(bytes.substr(20 * kPage, 100)));
    EXPECT_THAT(Read(file, 0, 20 * kPage, policy),
                IsOkAndHolds(bytes.substr(0, 20 * kPage)));
    EXPECT_THAT(Read(other, 30 * kPage, 10, policy),
                IsOkAndHolds(bytes.substr(30 * kPage, 10)));
    // In one batch as well.
    const auto results = ReadAll(*provider_,
                                 {{&file, 19 * kPage, kPage},
                                  {&file, 20 * kPage, kPage},
                                  {&other, 20 * kPage, kPage}},
                                 policy);
    EXPECT_OK(results[0].status());
    EXPECT_THAT(results[1], StatusIs(absl::StatusCode::kDataLoss));
    EXPECT_OK(results[2].status());
  }
}

TEST_P(KernelFaultTest, RealDeviceErrorIsUnavailableNamingFileAndErrno) {
  const std::string bytes = TestBytes(12 << 20, 6);
  ASSERT_EQ(mkdir(directory_.File("disk").c_str(), 0700), 0);
  FailingDisk disk(directory_.File("disk"), bytes);
  if (!disk.failure().empty()) GTEST_SKIP() << disk.failure();
  const uint64_t bad = 8 << 20;
  if (!disk.FailFrom(bad)) GTEST_SKIP() << "the file lies in pieces";
  const AttachedFile& file = Attach(disk.file(), bytes.size());
  const AttachedFile& other = AttachNew("other", bytes);
  const auto unavailable =
      StatusIs(absl::StatusCode::kUnavailable,
               AllOf(HasSubstr(disk.file()), HasSubstr("offset "),
                     HasSubstr("length "), HasSubstr("EIO")));
  for (const CachePolicy policy : kPolicies) {
    EXPECT_THAT(Read(file, bad + kPage, 100, policy), unavailable);
    EXPECT_THAT(Read(file, bytes.size() - 1, 1, policy), unavailable);
    EXPECT_THAT(Read(file, bad - kPage, 4 * kPage, policy), unavailable);
    const auto results = ReadAll(*provider_,
                                 {{&file, 0, 100},
                                  {&file, bad + 3 * kPage, 100},
                                  {&file, 5 << 20, 20'000},
                                  {&file, 10 << 20, 20'000},
                                  {&other, 10 << 20, 20'000}},
                                 policy);
    EXPECT_THAT(results[0], IsOkAndHolds(bytes.substr(0, 100)));
    EXPECT_THAT(results[1], unavailable);
    EXPECT_THAT(results[2], IsOkAndHolds(bytes.substr(5 << 20, 20'000)));
    EXPECT_THAT(results[3], unavailable);
    EXPECT_THAT(results[4], IsOkAndHolds(bytes.substr(10 << 20, 20'000)));
  }
}

TEST_P(KernelFaultTest, RunningOutOfDescriptorsIsResourceExhausted) {
  const std::string bytes = TestBytes(3 * kPage, 7);
  const AttachedFile& file = AttachNew("file", bytes);
  // Sanitizers need descriptors when they meet a type for the first time.
  ASSERT_OK(Read(AttachNew("first", bytes), 0, 1, CachePolicy::kScan).status());
  struct rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const struct rlimit none = {.rlim_cur = 0, .rlim_max = limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const absl::Status attached =
      provider_->Attach(file.path(), bytes.size()).status();
  // What is attached stays readable, also in ways not used before.
  std::vector<absl::StatusOr<std::string>> reads;
  for (const CachePolicy policy : kPolicies) {
    reads.push_back(Read(file, 100, 5000, policy));
  }
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_THAT(attached, StatusIs(absl::StatusCode::kResourceExhausted,
                                 HasSubstr("EMFILE")));
  for (const absl::StatusOr<std::string>& read : reads) {
    EXPECT_THAT(read, IsOkAndHolds(bytes.substr(100, 5000)));
  }
  const AttachedFile& again = Attach(file.path(), bytes.size());
  EXPECT_THAT(Read(again, 0, 10), IsOkAndHolds(bytes.substr(0, 10)));
}

INSTANTIATE_TEST_SUITE_P(ReadAtProviders, MediaErrorTest,
                         ::testing::ValuesIn(ReadAtProviderCases()),
                         ProviderCaseName);
INSTANTIATE_TEST_SUITE_P(DescriptorProviders, KernelFaultTest,
                         ::testing::ValuesIn(DescriptorProviderCases()),
                         ProviderCaseName);

}  // namespace
}  // namespace quire::io
