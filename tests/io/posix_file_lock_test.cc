// Locks of the POSIX file system, within a process and between processes.

#include <fcntl.h>
#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/file_system.h"
#include "io/posix_file_system.h"
#include "tests/testing/scoped_mount.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::io {
namespace {

using ::quire::testing::ReadFile;
using ::quire::testing::ScopedMount;
using ::quire::testing::StatusIs;
using ::quire::testing::TempDirectory;
using ::quire::testing::WriteFile;
using ::testing::AllOf;
using ::testing::ExitedWithCode;
using ::testing::HasSubstr;

class PosixFileLockTest : public ::testing::Test {
 protected:
  std::string Path(std::string_view name) const {
    return directory_.File(name);
  }

  const TempDirectory directory_;
  FileSystem& files_ = PosixFileSystem();
};

TEST_F(PosixFileLockTest, SecondLockInThisProcessIsRefusedUnderAnyName) {
  QUIRE_ASSERT_OK_AND_ASSIGN(std::unique_ptr<FileLock> lock,
                             files_.LockFile(Path("LOCK")));
  EXPECT_EQ(ReadFile(Path("LOCK")), absl::StrCat(getpid(), "\n"));
  ASSERT_OK(files_.LinkFile(Path("LOCK"), Path("other")));
  for (const std::string& path :
       {Path("LOCK"), Path("./LOCK"), Path("other")}) {
    EXPECT_THAT(files_.LockFile(path),
                StatusIs(absl::StatusCode::kFailedPrecondition,
                         AllOf(HasSubstr(path),
                               HasSubstr(absl::StrCat("held by this process "
                                                      "(pid ",
                                                      getpid(), ")")))));
  }
  lock.reset();
  EXPECT_OK(files_.LockFile(Path("LOCK")).status());
}

// Exits with 0 if another process is refused the lock because `holder` has it.
[[noreturn]] void ExpectRefusedIn(const std::string& path, pid_t holder) {
  const absl::Status status = PosixFileSystem().LockFile(path).status();
  const bool as_expected = absl::IsFailedPrecondition(status) &&
                           status.ToString().find(absl::StrCat(
                               "held by pid ", holder)) != std::string::npos;
  std::exit(as_expected ? 0 : 1);
}

// Locks the file, says so through `ready` and waits to be killed.
[[noreturn]] void HoldLock(const std::string& path, int ready) {
  const auto lock = PosixFileSystem().LockFile(path);
  const char result = lock.ok() ? 'y' : 'n';
  QUIRE_CHECK(write(ready, &result, 1) == 1);
  for (;;) pause();
}

TEST_F(PosixFileLockTest, LockHeldByAnotherProcessIsRefusedUntilItDies) {
  int ready[2];
  ASSERT_EQ(pipe2(ready, O_CLOEXEC), 0);
  const pid_t holder = fork();
  ASSERT_GE(holder, 0);
  if (holder == 0) HoldLock(Path("LOCK"), ready[1]);
  char result = '?';
  ASSERT_EQ(read(ready[0], &result, 1), 1);
  EXPECT_EQ(result, 'y');
  EXPECT_THAT(files_.LockFile(Path("LOCK")),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr(absl::StrCat("held by pid ", holder))));
  ASSERT_EQ(kill(holder, SIGKILL), 0);
  ASSERT_EQ(waitpid(holder, nullptr, 0), holder);
  EXPECT_OK(files_.LockFile(Path("LOCK")).status());
  close(ready[0]);
  close(ready[1]);
}

TEST_F(PosixFileLockTest, ChildThatEndsDoesNotTakeTheLockAway) {
  QUIRE_ASSERT_OK_AND_ASSIGN(std::unique_ptr<FileLock> lock,
                             files_.LockFile(Path("LOCK")));
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    lock.reset();  // as the destructors of a child's copy would
    _exit(0);
  }
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  // Nor does closing some other descriptor of the file.
  ReadFile(Path("LOCK"));
  const pid_t holder = getpid();
  EXPECT_EXIT(
      {
        lock.reset();  // the copy that fork gave this child, and its registry
        ExpectRefusedIn(Path("LOCK"), holder);
      },
      ExitedWithCode(0), "");
}

TEST_F(PosixFileLockTest, LockTakesRegularFilesOnly) {
  EXPECT_THAT(files_.LockFile(directory_.path()),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(files_.LockFile("/dev/null"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(files_.LockFile(Path("none/LOCK")),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(PosixFileLockTest, LockIsGrantedWhereTheHolderCannotBeNoted) {
  ASSERT_OK(files_.CreateDirectory(Path("mount")));
  const ScopedMount mount("tmpfs", Path("mount"), "size=4k");
  if (!mount.failure().empty()) GTEST_SKIP() << mount.failure();
  WriteFile(Path("mount/ballast"), std::string(4096, 'b'));
  QUIRE_ASSERT_OK_AND_ASSIGN(std::unique_ptr<FileLock> lock,
                             files_.LockFile(Path("mount/LOCK")));
  EXPECT_EQ(ReadFile(Path("mount/LOCK")), "");
  EXPECT_EXIT(
      {
        lock.reset();
        const absl::Status status =
            files_.LockFile(Path("mount/LOCK")).status();
        std::exit(status.ToString().find("held by another process") !=
                          std::string::npos
                      ? 0
                      : 1);
      },
      ExitedWithCode(0), "");
}

}  // namespace
}  // namespace quire::io
