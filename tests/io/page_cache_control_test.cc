#include "io/page_cache_control.h"

#include <linux/magic.h>
#include <sys/statfs.h>

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::io {
namespace {

using ::quire::testing::IsOkAndHolds;
using ::quire::testing::ReadFile;
using ::quire::testing::StatusIs;
using ::quire::testing::TempDirectory;
using ::quire::testing::WriteFile;
using ::testing::HasSubstr;

constexpr uint64_t kFileBytes = 1 << 20;

// Does it and looks until so many bytes are resident, ten times at most: the
// kernel may hold a page for a moment, or drop one.
template <typename Action>
void ExpectResidentAfter(const std::string& path, uint64_t bytes,
                         Action action) {
  absl::StatusOr<uint64_t> resident = bytes + 1;
  for (int time = 0; time < 10 && resident.ok() && *resident != bytes; ++time) {
    action();
    resident = PageCacheResidentBytes(path);
  }
  EXPECT_THAT(resident, IsOkAndHolds(bytes));
}

TEST(PageCacheControlTest, DroppedPagesAreGoneAndReadOnesAreBack) {
  const TempDirectory directory;
  struct statfs info;
  ASSERT_EQ(statfs(directory.path().c_str(), &info), 0);
  if (info.f_type == TMPFS_MAGIC || info.f_type == RAMFS_MAGIC) {
    GTEST_SKIP() << "files in memory can't be dropped from it";
  }
  const std::string path = directory.File("file");
  const std::string bytes(kFileBytes, 'x');
  WriteFile(path, bytes);
  EXPECT_THAT(PageCacheResidentBytes(path), IsOkAndHolds(kFileBytes));
  // Dirty, so it must be written first.
  ExpectResidentAfter(path, 0, [&] { EXPECT_OK(DropFromPageCache(path)); });
  ExpectResidentAfter(path, kFileBytes,
                      [&] { EXPECT_EQ(ReadFile(path), bytes); });
}

TEST(PageCacheControlTest, EmptyFile) {
  const TempDirectory directory;
  const std::string path = directory.File("empty");
  WriteFile(path, "");
  EXPECT_OK(DropFromPageCache(path));
  EXPECT_THAT(PageCacheResidentBytes(path), IsOkAndHolds(0u));
}

TEST(PageCacheControlTest, MissingFile) {
  const TempDirectory directory;
  const std::string path = directory.File("missing");
  EXPECT_THAT(DropFromPageCache(path),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(path)));
  EXPECT_THAT(PageCacheResidentBytes(path),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(path)));
}

}  // namespace
}  // namespace quire::io
