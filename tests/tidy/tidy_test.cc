// Applies the rules to the source tree that this test was built from.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/tidy/rules.h"

namespace quire::tidy {
namespace {

namespace fs = std::filesystem;

// The root of the source tree. Bazel links the WORKSPACE file into the test's
// runfiles, so the link's target stands in the tree itself: the rules must also
// see the files that no target names.
fs::path SourceRoot() {
  const char* const runfiles = std::getenv("TEST_SRCDIR");
  const char* const workspace = std::getenv("TEST_WORKSPACE");
  if (runfiles == nullptr || workspace == nullptr) return "";
  return fs::canonical(fs::path(runfiles) / workspace / "WORKSPACE")
      .parent_path();
}

std::string ReadText(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

// Whether the rules read the file: source code, its build files, scripts and
// documents.
bool IsText(const fs::path& path) {
  const std::string name = path.filename();
  const std::string extension = path.extension();
  for (const char* const known :
       {".cc", ".h", ".bazel", ".bzl", ".md", ".py", ".sh", ".txt"}) {
    if (extension == known) return true;
  }
  return name == "dev" || name == "run" || name == "WORKSPACE" ||
         name == ".bazelrc" || name == ".clang-tidy";
}

Files ReadSourceTree(const fs::path& root) {
  Files files;
  for (fs::recursive_directory_iterator it(root), end; it != end; ++it) {
    const std::string name = it->path().filename();
    if (it->is_symlink()) continue;
    if (it->is_directory() && name.starts_with('.') && name != ".ci") {
      it.disable_recursion_pending();
    } else if (it->is_regular_file() && IsText(it->path())) {
      files[it->path().lexically_relative(root)] = ReadText(it->path());
    }
  }
  return files;
}

class TidyTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { files_ = ReadSourceTree(SourceRoot()); }

  static void ExpectNone(const std::vector<Finding>& findings) {
    for (const Finding& finding : findings) {
      ADD_FAILURE() << finding.ToString();
    }
  }

  inline static Files files_;
};

TEST_F(TidyTest, SeesTheSourceTree) {
  EXPECT_TRUE(files_.contains("base/check.h"));
  EXPECT_TRUE(files_.contains("tests/tidy/tidy_test.cc"));
  EXPECT_TRUE(files_.contains(".ci/run"));
}

TEST_F(TidyTest, LayersUseNoBannedNames) {
  ExpectNone(CheckBannedNames(files_));
}

TEST_F(TidyTest, IncludesPointDownwards) {
  ExpectNone(CheckIncludeDirection(files_));
}

TEST_F(TidyTest, IncludeGuardsNameTheirFiles) {
  ExpectNone(CheckIncludeGuards(files_));
}

TEST_F(TidyTest, NothingIsMarkedUnfinished) {
  ExpectNone(CheckUnfinishedMarks(files_));
}

TEST_F(TidyTest, FilesAreShort) {
  ExpectNone(CheckLengths(files_,
                          ParseLongFiles(files_["tests/tidy/long_files.txt"])));
}

TEST_F(TidyTest, TargetsNameEveryFile) { ExpectNone(CheckTargets(files_)); }

}  // namespace
}  // namespace quire::tidy
