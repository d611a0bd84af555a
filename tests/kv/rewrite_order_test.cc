// In which order a merge writes a segment anew.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "io/posix_file_system.h"
#include "kv/db.h"
#include "kv/internal/format.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire {
namespace {

using ::quire::testing::FaultyFileSystem;
using ::quire::testing::FileOp;
using ::quire::testing::StatusIs;

std::set<std::string> Segments(const std::string& directory) {
  std::set<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() == ".seg") paths.insert(entry.path());
  }
  return paths;
}

// Otherwise a power cut may leave groups behind a torn header page, which look
// like writes that the manifest should name.
TEST(RewriteOrderTest, HeaderPageIsDurableBeforeAnythingBehindItIsWritten) {
  const testing::TempDirectory directory;
  const std::string path = directory.File("db");
  FaultyFileSystem faulty(io::PosixFileSystem());
  Options options;
  options.create_if_missing = true;
  options.file_system = &faulty;
  options.automatic_merges = false;
  QUIRE_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<DB> db,
                             DB::Open(options, path));
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 100; ++i) {
      ASSERT_OK(db->Put({}, std::to_string(i), std::string(1000, 'v')));
    }
    ASSERT_OK(db->FlushMemtables());
  }
  const std::set<std::string> before = Segments(path);
  faulty.Inject({.op = FileOp::kSync, .path_contains = ".seg"});
  faulty.Inject(
      {.op = FileOp::kRemove, .path_contains = ".seg", .sticky = true});
  EXPECT_THAT(db->CompactRange({}),
              StatusIs(absl::StatusCode::kUnavailable, ::testing::_));
  int made = 0;
  for (const std::string& segment : Segments(path)) {
    if (before.contains(segment)) continue;
    ++made;
    EXPECT_EQ(std::filesystem::file_size(segment), kv_internal::kPageBytes);
  }
  EXPECT_EQ(made, 1);
  faulty.Clear();
}

}  // namespace
}  // namespace quire
