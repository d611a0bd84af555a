// What a repair writes: large values, many segments, exact garbage; and what is
// left where writing fails.

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/posix_file_system.h"
#include "kv/db.h"
#include "kv/internal/current_file.h"
#include "kv/internal/database_state.h"
#include "kv/internal/manifest_reader.h"
#include "kv/internal/record.h"
#include "kv/options.h"
#include "kv/repair.h"
#include "tests/kv/repair_scene.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::testing {
namespace {

namespace fs = std::filesystem;

class RepairWritingTest : public ::testing::Test {
 protected:
  RepairWritingTest() { options_.memtable_bytes = 64 << 10; }

  // Makes a database of `entries`, the later ones over the earlier, and closes
  // it.
  void MakeDatabase(const std::vector<Model::value_type>& entries) {
    Options options;
    options.create_if_missing = true;
    const auto db = DB::Open(options, from_);
    ASSERT_OK(db.status());
    for (const auto& [key, value] : entries) {
      ASSERT_OK((*db)->Put({}, key, value));
      model_[key] = value;
    }
    ASSERT_OK((*db)->Close());
  }

  kv_internal::DatabaseState StateOf(const std::string& path) {
    io::FileSystem& file_system = io::PosixFileSystem();
    const auto current = kv_internal::ReadCurrentFile(file_system, path);
    EXPECT_OK(current.status());
    EXPECT_TRUE(current->closed);
    const auto manifest =
        kv_internal::ReadManifest(file_system, path, *current);
    EXPECT_OK(manifest.status());
    return manifest->state;
  }

  TempDirectory directory_;
  const std::string from_ = directory_.File("from");
  const std::string to_ = directory_.File("to");
  Model model_;
  RepairOptions options_;
};

TEST_F(RepairWritingTest, ManySegmentsBecomeOneRunWithExactGarbage) {
  std::vector<Model::value_type> entries;
  uint64_t garbage = 0;
  for (size_t i = 0; i < 60; ++i) {
    const std::string key = "key" + std::to_string(i % 50);
    entries.emplace_back(
        key, std::string(40'000 + i, static_cast<char>('a' + i % 26)));
    if (i < 10) garbage += kv_internal::RecordBytes(key.size(), 40'000 + i);
  }
  entries.emplace_back("large", std::string(3 << 20, 'x'));
  entries.emplace_back("empty", "");
  MakeDatabase(entries);
  const auto report = Repair(options_, from_, to_);
  ASSERT_OK(report.status());
  EXPECT_EQ(report->keys, 52u);
  const kv_internal::DatabaseState state = StateOf(to_);
  EXPECT_EQ(state.runs.size(), 1u);
  // More than are merged at once.
  EXPECT_GT(state.segments.size(), 32u);
  uint64_t garbage_bytes = 0;
  uint64_t garbage_records = 0;
  for (const auto& [number, segment] : state.segments) {
    garbage_bytes += segment.garbage_bytes;
    garbage_records += segment.garbage_records;
  }
  EXPECT_EQ(garbage_bytes, garbage);
  EXPECT_EQ(garbage_records, 10u);
  EXPECT_EQ(OpenAndDump(to_), model_);
  // Nothing is left of what was sorted on the way.
  size_t tables = 0;
  for (const auto& [name, content] : Contents(to_)) {
    tables += name.ends_with(".tbl");
  }
  EXPECT_EQ(tables, 1u);
}

TEST_F(RepairWritingTest, EmptyDatabaseIsRepairedToAnEmptyOne) {
  MakeDatabase({});
  const auto report = Repair(options_, from_, to_);
  ASSERT_OK(report.status());
  EXPECT_EQ(report->keys, 0u);
  EXPECT_EQ(OpenAndDump(to_), model_);
}

TEST_F(RepairWritingTest, ADirectoryThatIsThereIsSyncedInItsParentToo) {
  MakeDatabase({{"key", "value"}});
  fs::create_directory(to_);
  FaultyFileSystem faulty(io::PosixFileSystem());
  options_.file_system = &faulty;
  // The first directory that is synced.
  faulty.Inject({.op = FileOp::kSyncDirectory, .error = EIO});
  const absl::Status status = Repair(options_, from_, to_).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable,
                               ::testing::HasSubstr(directory_.path())));
  EXPECT_THAT(std::string(status.message()),
              ::testing::Not(::testing::HasSubstr(to_)));
  EXPECT_TRUE(fs::is_empty(to_));
  ASSERT_OK(Repair(options_, from_, to_).status());
  EXPECT_EQ(OpenAndDump(to_), model_);
}

// Whatever fails from some operation on: an error is told, and the database is
// the old one or the new one; here both hold the same.
TEST_F(RepairWritingTest, FailuresLeaveTheOldStateOrTheNewOne) {
  std::vector<Model::value_type> entries;
  for (int i = 0; i < 20; ++i) {
    entries.emplace_back("key" + std::to_string(i), "value");
  }
  MakeDatabase(entries);
  const std::string damaged = directory_.File("damaged");
  constexpr FileOp kOps[] = {
      FileOp::kCreate, FileOp::kWrite,           FileOp::kSync,
      FileOp::kRename, FileOp::kRemove,          FileOp::kLink,
      FileOp::kClose,  FileOp::kCreateDirectory, FileOp::kSyncDirectory};
  for (const bool in_place : {true, false}) {
    options_.in_place = in_place;
    uint64_t failed = 0;
    for (const FileOp op : kOps) {
      for (const int error : {EIO, ENOSPC}) {
        for (uint64_t nth = 1;; ++nth) {
          SCOPED_TRACE(::testing::Message()
                       << (in_place ? "in place, " : "") << "operation "
                       << static_cast<int>(op) << " number " << nth
                       << (error == EIO ? ": EIO" : ": ENOSPC"));
          fs::remove_all(damaged);
          fs::remove_all(to_);
          fs::copy(from_, damaged);
          FaultyFileSystem faulty(io::PosixFileSystem());
          faulty.Inject({.op = op, .nth = nth, .sticky = true, .error = error});
          options_.file_system = &faulty;
          const auto report = Repair(options_, damaged, in_place ? "" : to_);
          if (!in_place) {
            EXPECT_EQ(Contents(damaged), Contents(from_));
          }
          EXPECT_EQ(OpenAndDump(damaged), model_);
          failed += !report.ok();
          if (report.ok()) {
            EXPECT_EQ(OpenAndDump(in_place ? damaged : to_), model_);
          }
          if (faulty.injected_count() == 0) break;
        }
      }
    }
    EXPECT_GT(failed, 50u);
  }
}

}  // namespace
}  // namespace quire::testing
