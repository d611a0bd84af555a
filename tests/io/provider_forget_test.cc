// What PageProvider::Forget promises, held against every provider and engine.

#include <linux/magic.h>
#include <sys/statfs.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/file_system.h"
#include "io/page_cache_control.h"
#include "io/page_provider.h"
#include "tests/io/provider_cases.h"
#include "tests/testing/status_matchers.h"

namespace quire::io {
namespace {

using ::quire::testing::IsOkAndHolds;

constexpr std::array kPolicies = {CachePolicy::kPoint, CachePolicy::kScan,
                                  CachePolicy::kReadOnce};
constexpr uint64_t kPage = 4096;
constexpr uint64_t kPiece = 64 << 10;

class ForgetTest : public ProviderConformanceTest {};

TEST_P(ForgetTest, ForgottenBytesAreReadAgain) {
  const std::string bytes = TestBytes(3 * kPiece + 1234, 1);
  const AttachedFile& file = AttachNew("file", bytes);
  ReadRequest kept;
  kept.extent = {&file, kPage + 100, 1000};
  provider_->Read({&kept, 1}, CachePolicy::kPoint);
  ASSERT_OK(kept.status);
  const std::array<Extent, 4> extents = {{{&file, kPage + 50, 3 * kPage},
                                          {&file, bytes.size() - 10, 10},
                                          {&file, 5, 0},
                                          {&file, bytes.size(), 1}}};
  provider_->Forget(extents);
  for (const CachePolicy policy : kPolicies) {
    EXPECT_THAT(Read(file, kPage, 3 * kPage, policy),
                IsOkAndHolds(bytes.substr(kPage, 3 * kPage)));
    EXPECT_THAT(Read(file, bytes.size() - 20, 20, policy),
                IsOkAndHolds(bytes.substr(bytes.size() - 20)));
  }
  provider_->Forget(extents);
  const std::span<const std::byte> pinned = kept.pin.bytes();
  EXPECT_EQ(
      std::string(reinterpret_cast<const char*>(pinned.data()), pinned.size()),
      bytes.substr(kPage + 100, 1000));
  EXPECT_FALSE(provider_->Name().empty());
}

// Over providers that read by descriptors, which is how the page cache is
// reached.
class ForgetPageCacheTest : public ProviderConformanceTest {};

TEST_P(ForgetPageCacheTest, ForgottenBytesLeaveTheKernelsPageCacheToo) {
  if (provider_->Name() == "direct") GTEST_SKIP() << "doesn't use it";
  struct statfs info;
  ASSERT_EQ(statfs(directory_.path().c_str(), &info), 0);
  if (info.f_type == TMPFS_MAGIC || info.f_type == RAMFS_MAGIC) {
    GTEST_SKIP() << "files in memory can't be dropped from it";
  }
  // In pieces of which a file system with large folios makes one each, smaller
  // than what is mapped as one; synced, since dirty ones can't be dropped.
  const std::string bytes = TestBytes(6 << 20, 1);
  const std::string path = directory_.File("file");
  {
    QUIRE_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<WritableFile> file,
                               file_system_->CreateFile(path));
    for (uint64_t at = 0; at < bytes.size(); at += 512 << 10) {
      ASSERT_OK(file->WriteAt(
          at, std::as_bytes(std::span(bytes)).subspan(at, 512 << 10)));
    }
    ASSERT_OK(file->Sync());
    ASSERT_OK(file->Close());
  }
  const AttachedFile& file = Attach(path, bytes.size());
  // Maps all of it under mmap.
  ASSERT_OK(Read(file, 0, bytes.size(), CachePolicy::kScan).status());
  const Extent extent = {&file, (3 << 20) + 5 * kPage + 100, 100};
  QUIRE_ASSERT_OK_AND_ASSIGN(const uint64_t full, PageCacheResidentBytes(path));
  ASSERT_GE(full, kPage);
  provider_->Forget({&extent, 1});
  QUIRE_ASSERT_OK_AND_ASSIGN(const uint64_t left, PageCacheResidentBytes(path));
  EXPECT_LT(left, full);
  // It comes from the file again.
  EXPECT_THAT(Read(file, extent.offset, extent.length),
              IsOkAndHolds(bytes.substr(extent.offset, extent.length)));
  QUIRE_ASSERT_OK_AND_ASSIGN(const uint64_t now, PageCacheResidentBytes(path));
  EXPECT_GT(now, left);
}

INSTANTIATE_TEST_SUITE_P(All, ForgetTest,
                         ::testing::ValuesIn(AllProviderCases()),
                         ProviderCaseName);
INSTANTIATE_TEST_SUITE_P(All, ForgetPageCacheTest,
                         ::testing::ValuesIn(DescriptorProviderCases()),
                         ProviderCaseName);

}  // namespace
}  // namespace quire::io
