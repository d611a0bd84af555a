// DB::Checkpoint: what the copy holds, and that neither database is ever
// written into for the other.

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/posix_file_system.h"
#include "kv/db.h"
#include "tests/kv/database_model.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/scoped_mount.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire {
namespace {

using ::quire::testing::Dump;
using ::quire::testing::Fault;
using ::quire::testing::FaultyFileSystem;
using ::quire::testing::FileOp;
using ::quire::testing::Model;
using ::quire::testing::ReadFile;
using ::quire::testing::ScopedMount;
using ::quire::testing::StatusIs;
using ::quire::testing::WriteFile;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

namespace fs = std::filesystem;

Model DumpOf(const std::string& path) {
  Options options;
  options.read_only = true;
  auto db = DB::Open(options, path);
  EXPECT_OK(db.status());
  return db.ok() ? Dump(**db) : Model();
}

// Content and time of each segment and table, by name.
std::map<std::string, std::pair<std::string, fs::file_time_type>> DataFiles(
    const std::string& path) {
  std::map<std::string, std::pair<std::string, fs::file_time_type>> files;
  for (const auto& entry : fs::directory_iterator(path)) {
    const std::string extension = entry.path().extension();
    if (extension != ".seg" && extension != ".tbl") continue;
    files[entry.path().filename()] = {ReadFile(entry.path()),
                                      fs::last_write_time(entry)};
  }
  return files;
}

class CheckpointTest : public ::testing::Test {
 protected:
  CheckpointTest() : faulty_(io::PosixFileSystem()) {
    options_.create_if_missing = true;
    options_.memtable_bytes = 64 << 10;
    // So that operations are the same each time, and files stay.
    options_.automatic_merges = false;
    options_.file_system = &faulty_;
  }

  void Open() {
    auto db = DB::Open(options_, Source());
    ASSERT_OK(db.status());
    db_ = *std::move(db);
  }

  // Several runs' worth.
  void Write(int round) {
    testing::OverwriteAndDelete(*db_, 400, round, model_);
  }

  std::string Source() const { return dir_.File("db"); }
  std::string Target() const { return dir_.File("copy"); }

  testing::TempDirectory dir_;
  FaultyFileSystem faulty_;
  Options options_;
  std::unique_ptr<DB> db_;
  Model model_;
};

TEST_F(CheckpointTest, IsACleanlyClosedCopyOfWhatWasThere) {
  Open();
  Write(0);
  Write(1);
  ASSERT_OK(db_->Checkpoint(Target()));
  EXPECT_EQ(faulty_.count(FileOp::kCopy), 0u);
  const Model expected = model_;
  Write(2);
  EXPECT_EQ(DumpOf(Target()), expected);
  // Nothing has to be recovered or read from a log.
  Options options;
  auto copy = DB::Open(options, Target());
  ASSERT_OK(copy.status());
  EXPECT_EQ((*copy)->GetProperty("quire.recovery"), "");
  EXPECT_EQ((*copy)->GetStats().memtables, 0u);
  EXPECT_EQ(Dump(**copy), expected);
  EXPECT_EQ(Dump(*db_), model_);
}

TEST_F(CheckpointTest, OfAnEmptyDatabaseIsAnEmptyDatabase) {
  Open();
  ASSERT_OK(db_->Checkpoint(Target()));
  EXPECT_EQ(DumpOf(Target()), Model());
  Options options;
  auto copy = DB::Open(options, Target());
  ASSERT_OK(copy.status());
  ASSERT_OK((*copy)->Put({}, "k", "v"));
  ASSERT_OK((*copy)->Close());
  EXPECT_EQ(DumpOf(Target()), (Model{{"k", "v"}}));
  EXPECT_EQ(Dump(*db_), Model());
}

TEST_F(CheckpointTest, ADirectoryThatIsThereIsSyncedInItsParentToo) {
  Open();
  Write(0);
  ASSERT_OK(db_->FlushMemtables());
  const std::string target = dir_.File("out/copy");
  fs::create_directories(target);
  faulty_.Inject(
      {.op = FileOp::kSyncDirectory, .path_contains = "/out", .error = EIO});
  const absl::Status status = db_->Checkpoint(target);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable,
                               HasSubstr(dir_.File("out"))));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("out/copy")));
  EXPECT_TRUE(fs::is_empty(target));
  ASSERT_OK(db_->Checkpoint(target));
  EXPECT_EQ(DumpOf(target), model_);
}

TEST_F(CheckpointTest, WritingIntoTheCopyChangesNoFileOfTheSource) {
  Open();
  Write(0);
  Write(1);
  ASSERT_OK(db_->Checkpoint(Target()));
  ASSERT_OK(db_->Close());
  const Model expected = std::exchange(model_, {});
  const auto before = DataFiles(Source());
  EXPECT_THAT(before, IsSupersetOf(DataFiles(Target())));  // times too: links
  struct stat file;
  ASSERT_EQ(stat((Source() + "/" + before.begin()->first).c_str(), &file), 0);
  EXPECT_EQ(file.st_nlink, 2u);

  auto copy = DB::Open(options_, Target());
  ASSERT_OK(copy.status());
  db_ = *std::move(copy);
  model_ = expected;
  for (int round = 2; round < 6; ++round) Write(round);
  ASSERT_OK(db_->FlushMemtables());
  EXPECT_EQ(Dump(*db_), model_);
  ASSERT_OK(db_->Close());
  EXPECT_EQ(DumpOf(Target()), model_);
  EXPECT_EQ(DataFiles(Source()), before);
  EXPECT_EQ(DumpOf(Source()), expected);

  ASSERT_OK(DB::Destroy({}, Target()));
  EXPECT_FALSE(fs::exists(Target()));
  EXPECT_EQ(DataFiles(Source()), before);
  EXPECT_EQ(DumpOf(Source()), expected);
}

TEST_F(CheckpointTest, OutlivesItsSource) {
  Open();
  Write(0);
  ASSERT_OK(db_->Checkpoint(Target()));
  const Model expected = model_;
  const auto before = DataFiles(Target());
  Write(1);
  ASSERT_OK(db_->Close());
  db_.reset();
  ASSERT_OK(DB::Destroy({}, Source()));
  EXPECT_EQ(DataFiles(Target()), before);
  EXPECT_EQ(DumpOf(Target()), expected);
}

TEST_F(CheckpointTest, CopiesAcrossFileSystems) {
  fs::create_directory(dir_.File("mount"));
  const ScopedMount mount("tmpfs", dir_.File("mount"));
  if (!mount.failure().empty()) GTEST_SKIP() << mount.failure();
  Open();
  Write(0);
  Write(1);
  ASSERT_OK(db_->Checkpoint(dir_.File("mount/copy")));
  EXPECT_GT(faulty_.count(FileOp::kCopy), 0u);
  EXPECT_THAT(DataFiles(Source()).size(),
              ::testing::Ge(DataFiles(dir_.File("mount/copy")).size()));
  EXPECT_EQ(DumpOf(dir_.File("mount/copy")), model_);
}

TEST_F(CheckpointTest, WithoutSpaceForTheCopyNothingIsLeft) {
  fs::create_directory(dir_.File("mount"));
  const ScopedMount mount("tmpfs", dir_.File("mount"), "size=128k");
  if (!mount.failure().empty()) GTEST_SKIP() << mount.failure();
  Open();
  Write(0);
  EXPECT_THAT(
      db_->Checkpoint(dir_.File("mount/copy")),
      StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("mount/copy")));
  EXPECT_TRUE(fs::is_empty(dir_.File("mount")));
  Write(1);
  EXPECT_EQ(Dump(*db_), model_);
  ASSERT_OK(db_->Checkpoint(Target()));
  EXPECT_EQ(DumpOf(Target()), model_);
}

TEST_F(CheckpointTest, RefusesATargetThatHoldsAnythingAndLeavesItAlone) {
  Open();
  Write(0);
  fs::create_directory(Target());
  WriteFile(Target() + "/photo.jpg", "not ours");
  EXPECT_THAT(db_->Checkpoint(Target()),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr(Target())));
  EXPECT_EQ(ReadFile(Target() + "/photo.jpg"), "not ours");
  fs::remove(Target() + "/photo.jpg");
  ASSERT_OK(db_->Checkpoint(Target()));  // empty by now
  EXPECT_EQ(DumpOf(Target()), model_);
  EXPECT_THAT(db_->Checkpoint(Target()),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr(Target())));
  EXPECT_EQ(DumpOf(Target()), model_);
  EXPECT_THAT(db_->Checkpoint(Source()),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr(Source())));
  EXPECT_EQ(Dump(*db_), model_);
}

TEST_F(CheckpointTest, RefusesATargetWithoutParentOrThatIsAFile) {
  Open();
  Write(0);
  EXPECT_THAT(db_->Checkpoint(dir_.File("none/copy")),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("none/copy")));
  EXPECT_FALSE(fs::exists(dir_.File("none")));
  WriteFile(dir_.File("file"), "text");
  EXPECT_THAT(db_->Checkpoint(dir_.File("file")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("file")));
  EXPECT_EQ(ReadFile(dir_.File("file")), "text");
}

TEST_F(CheckpointTest, NeedsADatabaseThatIsOpenForWriting) {
  Open();
  ASSERT_OK(db_->Close());
  options_.create_if_missing = false;
  options_.read_only = true;
  Open();
  EXPECT_THAT(
      db_->Checkpoint(Target()),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("read-only")));
  EXPECT_FALSE(fs::exists(Target()));
}

TEST_F(CheckpointTest, AFileThatIsShorterThanTheManifestSaysIsDataLoss) {
  Open();
  Write(0);
  ASSERT_OK(db_->FlushMemtables());
  const std::string segment = DataFiles(Source()).begin()->first;
  fs::resize_file(Source() + "/" + segment, 8192);
  EXPECT_THAT(db_->Checkpoint(Target()),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr(segment)));
  EXPECT_FALSE(fs::exists(Target()));
}

// How an operation of a checkpoint fails, and whether links are refused from
// the outset, so that files are copied.
struct Failing {
  bool applied;
  bool sticky;
  bool copying;
};

class CheckpointFaultTest : public CheckpointTest,
                            public ::testing::WithParamInterface<Failing> {
 protected:
  void RefuseLinks() {
    if (!GetParam().copying) return;
    faulty_.Inject({.op = FileOp::kLink, .sticky = true, .error = EXDEV});
  }
};

TEST_P(CheckpointFaultTest, AnyFailedOperationLeavesNothingOrAWholeCopy) {
  Open();
  Write(0);
  ASSERT_OK(db_->FlushMemtables());
  fs::create_directory(dir_.File("out"));
  RefuseLinks();
  const uint64_t before = faulty_.count(FileOp::kAny);
  ASSERT_OK(db_->Checkpoint(dir_.File("out/first")));
  const uint64_t operations = faulty_.count(FileOp::kAny) - before;
  ASSERT_GT(operations, 10u);
  const std::string target = dir_.File("out/copy");
  int failures = 0;
  for (uint64_t nth = 1; nth <= operations; ++nth) {
    SCOPED_TRACE(nth);
    fs::remove_all(target);
    faulty_.Clear();
    Fault fault = {.path_contains = "out",
                   .nth = nth,
                   .sticky = GetParam().sticky,
                   .error = EIO,
                   .applied = GetParam().applied};
    faulty_.Inject(fault);
    RefuseLinks();
    const absl::Status status = db_->Checkpoint(target);
    faulty_.Clear();
    if (status.ok()) {  // the failed operation was one that may fail
      EXPECT_EQ(DumpOf(target), model_);
    } else {
      ++failures;
      EXPECT_THAT(status,
                  StatusIs(absl::StatusCode::kUnavailable, HasSubstr("EIO")));
      if (fs::exists(target + "/CURRENT")) {
        EXPECT_TRUE(GetParam().sticky);  // else it could be removed
        EXPECT_EQ(DumpOf(target), model_);
      } else if (!GetParam().sticky && !GetParam().applied) {
        EXPECT_FALSE(fs::exists(target));
      }
    }
    EXPECT_EQ(Dump(*db_), model_);
  }
  EXPECT_GT(failures, 10);
  Write(1);
  ASSERT_OK(db_->Close());
  EXPECT_EQ(DumpOf(Source()), model_);
}

INSTANTIATE_TEST_SUITE_P(
    All, CheckpointFaultTest,
    ::testing::Values(Failing{false, false, false}, Failing{true, false, false},
                      Failing{false, true, false}, Failing{true, true, false},
                      Failing{false, false, true}, Failing{true, true, true}),
    [](const auto& instance) {
      const Failing& failing = instance.param;
      return std::string(failing.copying ? "Copying" : "Linking") +
             (failing.sticky ? "FromThenOn" : "Once") +
             (failing.applied ? "ThoughDone" : "");
    });

}  // namespace
}  // namespace quire
