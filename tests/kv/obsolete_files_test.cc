#include "kv/internal/obsolete_files.h"

#include <filesystem>
#include <optional>
#include <string>

#include "gtest/gtest.h"
#include "io/posix_file_system.h"
#include "tests/testing/temp_directory.h"

namespace quire::kv_internal {
namespace {

using ::quire::testing::TempDirectory;
using ::quire::testing::WriteFile;

TEST(ObsoleteFilesTest, AreRemovedWhenNobodyHoldsThem) {
  const TempDirectory directory;
  const std::string a = directory.File("a");
  const std::string b = directory.File("b");
  WriteFile(a, "a");
  WriteFile(b, "b");
  ObsoleteFiles files;
  files.Add(a);
  EXPECT_TRUE(std::filesystem::exists(a));
  std::optional<ObsoleteFiles::Hold> first(files);
  std::optional<ObsoleteFiles::Hold> second(files);
  files.RemoveQueued(io::PosixFileSystem());
  first.reset();
  files.RemoveQueued(io::PosixFileSystem());
  EXPECT_TRUE(std::filesystem::exists(a));
  second.reset();
  files.RemoveQueued(io::PosixFileSystem());
  EXPECT_FALSE(std::filesystem::exists(a));
  EXPECT_TRUE(std::filesystem::exists(b));
}

TEST(ObsoleteFilesTest, AFileThatIsGoneAlreadyIsForgotten) {
  const TempDirectory directory;
  const std::string a = directory.File("a");
  ObsoleteFiles files;
  files.Add(a);
  files.RemoveQueued(io::PosixFileSystem());
  // It is not removed again.
  WriteFile(a, "a");
  files.RemoveQueued(io::PosixFileSystem());
  EXPECT_TRUE(std::filesystem::exists(a));
}

}  // namespace
}  // namespace quire::kv_internal
