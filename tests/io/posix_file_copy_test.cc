// FileSystem::CopyFile of the operating system's file system.

#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/file_system.h"
#include "io/posix_file_system.h"
#include "tests/testing/scoped_mount.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::io {
namespace {

using ::quire::testing::IsOkAndHolds;
using ::quire::testing::ReadFile;
using ::quire::testing::ScopedMount;
using ::quire::testing::StatusIs;
using ::quire::testing::WriteFile;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PosixFileCopyTest : public ::testing::Test {
 protected:
  PosixFileCopyTest() {
    // Longer than what is read at a time, and not a multiple of anything.
    for (int i = 0; text_.size() < (size_t{5} << 19) + 77; ++i) {
      text_ += std::to_string(i);
    }
    WriteFile(Path("a"), text_);
  }

  std::string Path(const std::string& name) const { return dir_.File(name); }

  testing::TempDirectory dir_;
  FileSystem& files_ = PosixFileSystem();
  std::string text_;
};

TEST_F(PosixFileCopyTest, MakesAFileOfItsOwn) {
  ASSERT_OK(files_.CopyFile(Path("a"), Path("b")));
  EXPECT_EQ(ReadFile(Path("b")), text_);
  WriteFile(Path("b"), "changed");
  EXPECT_EQ(ReadFile(Path("a")), text_);
  WriteFile(Path("empty"), "");
  ASSERT_OK(files_.CopyFile(Path("empty"), Path("c")));
  EXPECT_EQ(ReadFile(Path("c")), "");
}

TEST_F(PosixFileCopyTest, RefusesATargetThatIsThereAndAMissingSource) {
  WriteFile(Path("b"), "mine");
  EXPECT_THAT(files_.CopyFile(Path("a"), Path("b")),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr(Path("b"))));
  EXPECT_EQ(ReadFile(Path("b")), "mine");
  EXPECT_THAT(files_.CopyFile(Path("none"), Path("c")),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(Path("none"))));
  EXPECT_THAT(files_.FileSize(Path("c")),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(Path("c"))));
}

TEST_F(PosixFileCopyTest, CopiesToAnotherFileSystemOrLeavesNothing) {
  ASSERT_OK(files_.CreateDirectory(Path("mount")));
  const ScopedMount mount("tmpfs", Path("mount"), "size=4M");
  if (!mount.failure().empty()) GTEST_SKIP() << mount.failure();
  ASSERT_OK(files_.CopyFile(Path("a"), Path("mount/a")));
  EXPECT_EQ(ReadFile(Path("mount/a")), text_);
  EXPECT_THAT(files_.CopyFile(Path("a"), Path("mount/b")),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr(Path("mount/b"))));
  EXPECT_THAT(files_.ListDirectory(Path("mount")),
              IsOkAndHolds(ElementsAre("a")));
}

}  // namespace
}  // namespace quire::io
