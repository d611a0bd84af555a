// What the machine may refuse to an open database: space, descriptors, writing,
// mapping, io_uring, locked memory. Each is a clear error or a stated fallback,
// and nothing that was acknowledged is lost.

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kv/db.h"
#include "kv/options.h"
#include "tests/testing/scoped_mount.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/syscall_script.h"
#include "tests/testing/temp_directory.h"
#include "tests/torture/media/fuse_disk.h"

namespace quire::torture {
namespace {

using ::quire::testing::ScopedMount;
using ::quire::testing::StatusIs;
using ::quire::testing::TempDirectory;
using ::testing::ExitedWithCode;
using ::testing::HasSubstr;

constexpr int kKeys = 100;

std::string Key(int number) { return "key" + std::to_string(number); }
std::string Value(int number) {
  return std::to_string(number) + std::string(2000, 'v');
}

Options Creating(ReadMode mode = ReadMode::kMmap) {
  Options options;
  options.create_if_missing = true;
  options.memtable_bytes = 64 << 10;
  options.provider.read_mode = mode;
  options.provider.cache_bytes = 1 << 20;
  return options;
}

// Writes `count` keys, synced.
absl::Status Fill(DB& db, int count) {
  for (int i = 0; i < count; ++i) {
    const absl::Status status = db.Put({.sync = true}, Key(i), Value(i));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

void ExpectKeys(DB& db, int count) {
  std::string value;
  for (int i = 0; i < count; ++i) {
    ASSERT_OK(db.Get({}, Key(i), &value)) << i;
    EXPECT_EQ(value, Value(i));
  }
}

void Limit(__rlimit_resource resource, rlim_t to) {
  const rlimit limit = {.rlim_cur = to, .rlim_max = to};
  if (setrlimit(resource, &limit) != 0) std::exit(5);
}

std::string PropertyOf(DB& db, std::string_view name) {
  return db.GetProperty(name).value_or("no such property");
}

TEST(RefusalsTest, FullDiskFailsAWriteAndWritingGoesOnOnceThereIsSpace) {
  const TempDirectory directory;
  const ScopedMount mount("tmpfs", directory.path(), "size=2M");
  if (!mount.failure().empty()) GTEST_SKIP() << mount.failure();
  const std::string ballast = directory.File("ballast");
  testing::WriteFile(ballast, std::string(1 << 20, 'b'));
  int written = 0;
  {
    Options options = Creating();
    options.memtable_bytes = 16 << 20;  // the log alone fills the disk
    QUIRE_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<DB> db,
                               DB::Open(options, directory.File("db")));
    absl::Status status;
    while (status.ok()) {
      ASSERT_LT(written, 10000);
      status = db->Put({.sync = true}, Key(written), Value(written));
      if (status.ok()) ++written;
    }
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                                 HasSubstr("ENOSPC")));
    ExpectKeys(*db, written);
    std::filesystem::remove(ballast);
    ASSERT_OK(db->Put({.sync = true}, Key(written), Value(written)));
    ++written;
    ExpectKeys(*db, written);
  }
  QUIRE_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<DB> db,
                             DB::Open({}, directory.File("db")));
  ExpectKeys(*db, written);
}

TEST(RefusalsTest, ReadOnlyFileSystemRefusesWritersAndServesReaders) {
  const TempDirectory directory;
  ScopedMount mount("tmpfs", directory.path());
  if (!mount.failure().empty()) GTEST_SKIP() << mount.failure();
  const std::string path = directory.File("db");
  {
    QUIRE_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<DB> db,
                               DB::Open(Creating(), path));
    ASSERT_OK(Fill(*db, kKeys));
    ASSERT_OK(db->Close());
  }
  mount.MakeReadOnly();
  EXPECT_THAT(DB::Open(Creating(), path).status(),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       ::testing::AllOf(HasSubstr("EROFS"), HasSubstr(path))));
  for (const ReadMode mode : {ReadMode::kPread, ReadMode::kBuffered,
                              ReadMode::kMmap, ReadMode::kDirect}) {
    Options options;
    options.read_only = true;
    options.provider.read_mode = mode;
    QUIRE_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<DB> db,
                               DB::Open(options, path));
    ExpectKeys(*db, kKeys);
    EXPECT_THAT(db->Put({}, "k", "v"),
                StatusIs(absl::StatusCode::kFailedPrecondition,
                         HasSubstr("read-only")));
  }
}

TEST(RefusalsTest, FileSystemThatTurnsReadOnlyEndsTheWritingOnly) {
  const TempDirectory directory;
  FuseDisk disk(directory.path(), Naming::kStrict);
  if (!disk.failure().empty()) GTEST_SKIP() << disk.failure();
  const std::string path = directory.File("db");
  {
    QUIRE_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<DB> db,
                               DB::Open(Creating(), path));
    ASSERT_OK(Fill(*db, kKeys));
    disk.Inject({.op = DiskOp::kWrite, .error = EROFS});
    EXPECT_THAT(
        db->Put({}, "k", "v"),
        StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("EROFS")));
    disk.ClearFaults();
    EXPECT_THAT(
        db->Put({}, "k", "v"),
        StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("EROFS")));
    ExpectKeys(*db, kKeys);
  }
  QUIRE_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<DB> db, DB::Open({}, path));
  ExpectKeys(*db, kKeys);
}

TEST(RefusalsTest, ShortWritesAreCompleted) {
  const TempDirectory directory;
  FuseDisk disk(directory.path(), Naming::kStrict);
  if (!disk.failure().empty()) GTEST_SKIP() << disk.failure();
  disk.Inject({.op = DiskOp::kWrite, .short_bytes = 1000});
  {
    QUIRE_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<DB> db,
                               DB::Open(Creating(), directory.File("db")));
    ASSERT_OK(Fill(*db, kKeys));
    ASSERT_OK(db->Close());
  }
  EXPECT_GT(disk.Counts().injected, 100u);
  disk.ClearFaults();
  QUIRE_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<DB> db,
                             DB::Open({}, directory.File("db")));
  ExpectKeys(*db, kKeys);
}

TEST(RefusalsTest, FileSystemWithoutMappingsIsReadByPread) {
  const TempDirectory directory;
  FuseDisk disk(directory.path(), Naming::kStrict);
  if (!disk.failure().empty()) GTEST_SKIP() << disk.failure();
  disk.SetDirectIo(true);
  const std::string path = directory.File("db");
  QUIRE_ASSERT_OK_AND_ASSIGN(std::unique_ptr<DB> db,
                             DB::Open(Creating(), path));
  EXPECT_THAT(PropertyOf(*db, "quire.effective-provider"),
              ::testing::AllOf(HasSubstr("pread"), HasSubstr("ENODEV")));
  ASSERT_OK(Fill(*db, kKeys));
  ASSERT_OK(db->FlushMemtables());
  ExpectKeys(*db, kKeys);
  ASSERT_OK(db->Close());
  db.reset();
  Options options;
  options.provider.read_mode_policy = ProviderPolicy::kRequire;
  EXPECT_THAT(
      DB::Open(options, path).status(),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("ENODEV")));
}

TEST(RefusalsTest, ForeignFilesInADatabaseAreLeftAlone) {
  const TempDirectory directory;
  const std::string path = directory.File("db");
  for (int i = 0; i < 2; ++i) {
    QUIRE_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<DB> db,
                               DB::Open(Creating(), path));
    ASSERT_OK(Fill(*db, kKeys));
    testing::WriteFile(path + "/photo.jpg", "not ours");
    ASSERT_OK(db->CompactRange({}));
    ASSERT_OK(db->Close());
  }
  EXPECT_EQ(testing::ReadFile(path + "/photo.jpg"), "not ours");
}

// Limits that can't be taken off again: each in a process of its own.
class RefusalsDeathTest : public ::testing::Test {
 protected:
  RefusalsDeathTest() {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    const absl::StatusOr<std::unique_ptr<DB>> db = DB::Open(Creating(), path_);
    EXPECT_OK(db.status());
    if (!db.ok()) return;
    EXPECT_OK(Fill(**db, kKeys));
    EXPECT_OK((*db)->Close());
  }

  // Ends the process with 0 if the database can be opened and read under
  // direct, and says what stands in a property.
  [[noreturn]] void ReadAndExit(std::string_view property,
                                const std::string& expected) {
    const absl::StatusOr<std::unique_ptr<DB>> db =
        DB::Open(Creating(ReadMode::kDirect), path_);
    if (!db.ok()) std::exit(1);
    ExpectKeys(**db, kKeys);
    std::vector<std::string> keys;
    for (int i = 0; i < kKeys; ++i) keys.push_back(Key(i));
    const std::vector<std::string_view> views(keys.begin(), keys.end());
    std::vector<PinnedValue> values(kKeys);
    std::vector<absl::Status> statuses(kKeys);
    (*db)->MultiGet({}, views, values, statuses);
    for (int i = 0; i < kKeys; ++i) {
      if (!statuses[i].ok() || values[i].value() != Value(i)) std::exit(2);
    }
    if (PropertyOf(**db, property).find(expected) == std::string::npos) {
      std::exit(3);
    }
    std::_Exit(HasFailure() ? 4 : 0);
  }

  const TempDirectory directory_;
  const std::string path_ = directory_.File("db");
};

TEST_F(RefusalsDeathTest, RefusedIoUringIsReplacedAndSaidSo) {
  EXPECT_EXIT(
      {
        testing::RefuseSyscall(SYS_io_uring_setup, EPERM);
        ReadAndExit("quire.effective-io-engine", "EPERM");
      },
      ExitedWithCode(0), "");
}

TEST_F(RefusalsDeathTest, WithoutLockedMemoryItReads) {
  EXPECT_EXIT(
      {
        Limit(RLIMIT_MEMLOCK, 0);
        ReadAndExit("quire.effective-provider", "direct");
      },
      ExitedWithCode(0), "");
}

TEST_F(RefusalsDeathTest, TooFewDescriptorsIsAnErrorAndHarmsNothing) {
  EXPECT_EXIT(
      {
        Limit(RLIMIT_NOFILE, 4);
        const absl::Status status = DB::Open(Creating(), path_).status();
        std::_Exit(absl::IsResourceExhausted(status) &&
                           status.message().find("EMFILE") != std::string::npos
                       ? 0
                       : 1);
      },
      ExitedWithCode(0), "");
  QUIRE_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<DB> db, DB::Open({}, path_));
  ExpectKeys(*db, kKeys);
}

}  // namespace
}  // namespace quire::torture
